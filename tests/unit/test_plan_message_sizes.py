"""A profile's costs are those of the messages that a plan sends: each kind as often as it is sent."""

import pytest

from siotool.plan.evidence.message_sizes import MessageSizes, message_sizes
from siotool.plan.inputs import planfile
from siotool.plan.inputs.figure import Inputs

HEAD = '[workload]\nconnections = "10k"\n'
TYPING = '[workload.messages.typing]\nkind = "room"\nrate = "1/s"\nroom_size = "10"\n'
PHOTO = '[workload.messages.photo]\nkind = "room"\nrate = "1/d"\nsize = "1MB"\nroom_size = "10"\n'


def sizes(text):
    return message_sizes(planfile.decode(text, "plan.toml"))


def test_a_rare_large_message_counts_as_rarely_as_it_is_sent():
    """The mean of the two sizes, 500,032 bytes, made an adapter's message a hundred times dearer."""
    # (1/s × 64 B, the default, + 1/86,400 s × 1 MB) / (1 + 1/86,400)
    mean = (64 + 1_000_000 / 86_400) / (1 + 1 / 86_400)
    assert mean == pytest.approx(75.573, abs=0.001)
    found = sizes(HEAD + TYPING + PHOTO)
    assert (found.delivered, found.received, found.published) == pytest.approx((mean, mean, mean))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("", (200, 200, 200), id="a plan without messages"),
        pytest.param(TYPING, (64, 64, 64), id="a size that was left out is the default's"),
        pytest.param(
            # deliveries: 10,000 of 1 kB to each one's room of 10, and 10,000 echoes of 100 B
            '[workload.messages.say]\nkind = "room"\nrate = "1/s"\nsize = "1kB"\nroom_size = "10"\n'
            '[workload.messages.call]\nkind = "echo"\nrate = "1/s"\nsize = "100B"\n',
            ((10 * 1000 + 100) / 11, (1000 + 100) / 2, 1000),
            id="deliveries by their receivers, messages by their rate, and an echo passes no adapter",
        ),
        pytest.param(
            # 10,000 sessions send 10 bytes a second; one announcement of 5 kB a second reaches all of them
            '[workload.messages.move]\nkind = "emit"\nrate = "1/s"\nsize = "10B"\n'
            '[workload.messages.news]\nkind = "announce"\nrate = "1/s"\nsize = "5kB"\n',
            (5000, 10, 5000),
            id="what only comes in is not delivered",
        ),
        pytest.param(
            '[workload.messages.move]\nkind = "emit"\nrate = "1/s"\nsize = "10B"\n',
            (10, 10, 10),
            id="nothing is delivered",
        ),
        pytest.param(TYPING.replace("1/s", "0/s"), (200, 200, 200), id="nothing is sent"),
    ],
)
def test_the_mean_is_over_what_a_server_works_on(text, wanted):
    found = sizes(HEAD + text)
    assert (found.delivered, found.received, found.published) == pytest.approx(wanted)


def test_a_workload_of_runs_needs_no_connections():
    assert sizes(TYPING).published == 64
    assert message_sizes(Inputs()) == MessageSizes()
