import numpy as np
import pytest

from siotool.errors import InputError
from siotool.plan.demand.fanout import MessageKind, traffic
from siotool.plan.inputs.figure import KINDS


def of(kind, *, connections=1000, rate_per_s=2.0, **fields):
    message = MessageKind(name="m", kind=kind, size_bytes=100.0, rate_per_s=rate_per_s, **fields)
    return traffic(message, float(connections))


@pytest.mark.parametrize(
    ("made", "inbound", "deliveries", "publishes", "room_size"),
    [
        pytest.param(of("echo"), 2000, 2000, 0, 1, id="an echo stays on its server"),
        pytest.param(of("direct"), 2000, 2000, 2000, 1, id="the other session may be anywhere"),
        pytest.param(of("room", room_size=10.0), 2000, 20_000, 2000, 10, id="a room of ten hears each"),
        pytest.param(
            of("room", room_size=10.0, to_sender=False), 2000, 18_000, 2000, 10, id="all but the sender"
        ),
        pytest.param(
            of("room", room_size=1.0, to_sender=False), 2000, 0, 2000, 1, id="alone, published for nothing"
        ),
        pytest.param(of("room", room_size=1e6), 2000, 2_000_000, 2000, 1000, id="no larger than the service"),
        pytest.param(of("broadcast"), 2000, 2_000_000, 2000, 1000, id="everybody to everybody"),
        pytest.param(of("broadcast", to_sender=False), 2000, 1_998_000, 2000, 1000, id="to everybody else"),
        pytest.param(of("push"), 0, 2000, 2000, 1, id="to each session, its own"),
        pytest.param(of("announce"), 0, 2000, 2, 1000, id="the rate is that of the service"),
        pytest.param(of("broadcast", connections=0), 0, 0, 0, 0, id="nobody there"),
        pytest.param(
            of("room", connections=0, room_size=9.0, to_sender=False), 0, 0, 0, 0, id="an empty room"
        ),
        pytest.param(of("announce", connections=0), 0, 0, 2, 0, id="announced to nobody"),
    ],
)
def test_messages_in_out_and_between(made, inbound, deliveries, publishes, room_size):
    assert (made.inbound_per_s, made.deliveries_per_s, made.publishes_per_s, made.room_size) == (
        inbound,
        deliveries,
        publishes,
        room_size,
    )
    assert made.payload_in_bytes_per_s == inbound * 100
    assert made.payload_out_bytes_per_s == deliveries * 100


@pytest.mark.parametrize(
    ("kind", "acks_in", "acks_out"),
    [
        pytest.param("echo", 0, 0, id="an echo is its own answer"),
        pytest.param("direct", 0, 2000, id="the server answers the sender"),
        pytest.param("room", 0, 2000, id="once, not once for each recipient"),
        pytest.param("broadcast", 0, 2000, id="likewise"),
        pytest.param("push", 2000, 0, id="the session answers the service"),
        pytest.param("announce", 2000, 0, id="every session answers"),
    ],
)
def test_answers(kind, acks_in, acks_out):
    silent, answered = of(kind, room_size=5.0), of(kind, room_size=5.0, acknowledged=True)
    assert (answered.acks_in_per_s, answered.acks_out_per_s) == (acks_in, acks_out)
    assert (silent.acks_in_per_s, silent.acks_out_per_s) == (0, 0)
    assert answered.deliveries_per_s == silent.deliveries_per_s


@pytest.mark.parametrize("kind", KINDS)
def test_draws_agree_with_single_figures(kind):
    connections, rates = np.array([0.0, 1.0, 7.0, 1000.0]), np.array([3.0, 0.5, 0.0, 2.0])
    rooms = np.array([4.0, 9.0, 2.0, 30.0])
    drawn = traffic(
        MessageKind(
            name="m",
            kind=kind,
            size_bytes=64.0,
            rate_per_s=rates,
            room_size=rooms,
            to_sender=False,
            acknowledged=True,
        ),
        connections,
    )
    for i, connected in enumerate(connections):
        one = traffic(
            MessageKind(
                name="m",
                kind=kind,
                size_bytes=64.0,
                rate_per_s=float(rates[i]),
                room_size=float(rooms[i]),
                to_sender=False,
                acknowledged=True,
            ),
            float(connected),
        )
        for field in one.__struct_fields__:
            assert np.broadcast_to(getattr(drawn, field), connections.shape)[i] == getattr(one, field), field


def test_an_unknown_kind_is_refused_with_its_name():
    with pytest.raises(InputError, match='"hello" is of kind "shout"') as refused:
        traffic(MessageKind(name="hello", kind="shout", size_bytes=1.0, rate_per_s=1.0), 5.0)
    assert "broadcast" in refused.value.hint
