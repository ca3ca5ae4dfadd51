from math import inf

from hypothesis import given
from hypothesis import strategies as st

from siotool.plan.adapters.laws import ADAPTERS, backend_rate, decoded_per_node, received_per_node

adapters = st.sampled_from(sorted(ADAPTERS)).map(ADAPTERS.__getitem__)
publishes = st.floats(0, 1e6)
rooms = st.floats(0, 1e6) | st.just(inf)
nodes = st.integers(1, 5000).map(float)
shares = st.floats(0, 1)

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
