from math import inf

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from siotool.plan.adapters.laws import ADAPTERS, backend_rate, decoded_per_node, received_per_node
from siotool.plan.adapters.nodes import fewest_nodes, node_load

adapters = st.sampled_from(sorted(ADAPTERS)).map(ADAPTERS.__getitem__)
publishes = st.floats(0, 1e6)
rooms = st.floats(0, 1e6) | st.just(inf)
nodes = st.integers(1, 5000).map(float)
shares = st.floats(0, 1)
decodes = st.floats(1e-6, 1e-3)
works = st.floats(0, 1e4)

SLACK = 1 + 1e-9


@given(adapters, publishes, rooms, nodes, nodes, shares)
def test_more_nodes_never_lower_the_backends_rate(adapter, rate, room, first, second, private):
    few, many = sorted((first, second))
    low = backend_rate(adapter, rate, room, few, private_share=private)
    high = backend_rate(adapter, rate, room, many, private_share=private)
    # 1 − (1 − 1/N)^g loses digits as 1/N gets small
    assert low <= high * (1 + 1e-8) + 1e-9


@given(adapters, publishes, rooms, nodes, shares)
def test_no_node_receives_more_than_is_published_nor_decodes_more_than_it_receives(
    adapter, rate, room, count, private
):
    received = received_per_node(adapter, rate, room, count, private)
    assert 0 <= decoded_per_node(adapter, rate, room, count, private) <= received * SLACK
    assert received <= rate * SLACK


@given(publishes, rooms, nodes, shares)
def test_sharded_never_receives_more_than_classic_nor_private_more_than_dynamic(rate, room, count, private):
    classic, dynamic, precise = (
        received_per_node(ADAPTERS[name], rate, room, count, private)
        for name in ("redis", "redis-sharded", "redis-sharded-private")
    )
    assert precise <= dynamic * SLACK
    assert dynamic <= classic * SLACK


@given(adapters, publishes, rooms, nodes, st.integers(1, 64), st.integers(1, 64), shares)
def test_more_shards_never_load_one_more(adapter, rate, room, count, first, second, private):
    few, many = sorted((first, second))
    loads = [
        backend_rate(adapter, rate, room, count, private_share=private, shards=shards, namespaces=8.0)
        for shards in (few, many)
    ]
    assert loads[1] <= loads[0] * SLACK


@given(adapters, publishes, rooms, rooms, nodes)
def test_larger_rooms_never_reach_fewer_nodes(adapter, rate, first, second, count):
    small, large = sorted((first, second))
    assert received_per_node(adapter, rate, small, count) <= received_per_node(
        adapter, rate, large, count
    ) * (1 + 1e-8)


@given(adapters, works, works, publishes, publishes, decodes, rooms, shares)
def test_more_publishes_or_work_never_need_fewer_nodes(
    adapter, work, more_work, rate, more_rate, decode, room, private
):
    def needed(cores, per_s):
        return fewest_nodes(
            adapter,
            delivery_cores=cores,
            publishes_per_s=per_s,
            decode_s=decode,
            utilization=0.7,
            room_size=room,
            private_share=private,
        )

    least = needed(min(work, more_work), min(rate, more_rate))
    most = needed(max(work, more_work), max(rate, more_rate))
    assert least >= 1
    assert least <= most * (1 + 1e-6)


@given(adapters, works, publishes, decodes, rooms, shares)
def test_the_fewest_nodes_carry_the_load_and_one_fewer_do_not(adapter, work, rate, decode, room, private):
    figures = {
        "delivery_cores": work,
        "publishes_per_s": rate,
        "decode_s": decode,
        "room_size": room,
        "private_share": private,
    }
    assume(adapter.law != "nobody" or rate == 0)
    found = fewest_nodes(adapter, utilization=0.7, **figures)
    if found == inf:
        assert node_load(adapter, 1e12, **figures) > 0.7 * (1 - 1e-6)
        return
    assert found == int(found)
    assert node_load(adapter, found, **figures) <= 0.7 * (1 + 1e-6)
    if found > 1:
        assert node_load(adapter, found - 1, **figures) > 0.7 * (1 - 1e-6)


@given(adapters, st.lists(st.tuples(works, publishes, rooms), min_size=1, max_size=8))
def test_draws_are_single_figures_side_by_side(adapter, rows):
    def needed(work, rate, room):
        return fewest_nodes(
            adapter,
            delivery_cores=work,
            publishes_per_s=rate,
            decode_s=3e-5,
            utilization=0.7,
            room_size=room,
        )

    drawn = needed(*(np.array(column) for column in zip(*rows, strict=True)))
    assert np.allclose(drawn, [needed(*row) for row in rows], rtol=1e-6, atol=1.0)
