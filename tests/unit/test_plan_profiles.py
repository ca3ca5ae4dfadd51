import re

import msgspec
import pytest

from siotool.errors import InputError
from siotool.plan.inputs import fields
from siotool.plan.inputs.profiles import KEYS, PROFILES, Cost, profile_named, published
from siotool.plan.inputs.ranges import Range

COSTS = [
    pytest.param(profile, field, id=f"{profile.name} {field}")
    for profile in PROFILES.values()
    for field in (*KEYS, "tls_connect_s")
    if isinstance(getattr(profile, field), Cost)
]


def test_every_profile_a_plan_file_may_name_exists():
    assert tuple(PROFILES) == fields.PROFILES
    assert all(profile_named(name).name == name for name in fields.PROFILES)


@pytest.mark.parametrize("name", fields.PROFILES)
def test_a_profile_speaks_the_plan_files_language(name):
    figures = published(name)
    assert {fields.field_of(key).kind for key in figures} == {"duration", "size"}
    for key, figure in figures.items():
        low = figure.value.low if isinstance(figure.value, Range) else figure.value
        assert low >= fields.field_of(key).low
    assert "server.delivery_cost" in figures


@pytest.mark.parametrize(("profile", "field"), COSTS)
def test_a_published_figure_has_an_address_and_a_guess_says_why(profile, field):
    cost = getattr(profile, field)
    assert 0 <= cost.low <= (cost.low if cost.likely is None else cost.likely) <= cost.high
    assert cost.source
    if cost.kind == "published":
        assert re.search(r"https://\S+", cost.source)
    else:
        assert cost.kind == "default"


def test_the_published_benchmark_is_reproduced():
    # 30,000 clients at 1 message/s fill the core; 20,000 take 90 % of it
    delivery = profile_named("node-ws").delivery_s
    assert 30_000 * delivery.low == pytest.approx(1.0, abs=0.011)
    assert 20_000 * delivery.high == pytest.approx(0.9)
    fast = profile_named("node-uws").delivery_s
    assert 120_000 * fast.low == pytest.approx(0.70, abs=0.005)
    assert 150_000 * fast.likely == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("name", "megabytes"),
    [("node-ws", 98.0), ("node-eiows", 65.0), ("node-uws", 61.5)],
)
def test_the_published_heap_at_ten_thousand_connections(name, megabytes):
    # socket.io/docs/v4/memory-usage, read off its chart to ± 2 MB; 5.5 MB without connections
    heap = profile_named(name).heap_per_connection_bytes
    assert 5.5 + 10_000 * heap.low / 1e6 == pytest.approx(megabytes, abs=2)


def test_one_value_is_no_range():
    assert published("node-ws")["server.kernel_memory_per_connection"].value == 4096
    assert published("node-ws")["server.delivery_cost"].value == Range(33e-6, None, 45e-6)
    assert published("node-ws")["server.delivery_cost"].provenance.kind == "published"


def test_python_has_no_javascript_heap():
    assert "server.heap_per_connection" not in published("python-socketio")


def test_profiles_cannot_be_changed():
    with pytest.raises(TypeError):
        PROFILES["mine"] = PROFILES["node-ws"]
    with pytest.raises(AttributeError):
        PROFILES["node-ws"].name = "mine"
    assert msgspec.to_builtins(PROFILES["node-ws"])["name"] == "node-ws"


def test_an_unknown_profile_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match='"deno"') as refused:
        published("deno")
    assert "node-uws" in refused.value.hint
