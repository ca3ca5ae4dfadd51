"""When a load has settled: by the course of its seconds, one sentence per row."""

import pytest

from siotool.search.seen_blocks import Block
from siotool.search.settling import LONGEST_S, Settling


def after(levels: list[float | None], missed: list[int], *, drains: bool, there: int = 0) -> int | None:
    """At which second a course has settled, from 1 on; None where it has not."""
    settling = Settling((0.01,), drains=drains)
    for number, (level, count) in enumerate(zip(levels, missed, strict=True)):
        settling.add(Block(1.0, (float(count),), (100.0,), number >= there, level))
        if settling.over:
            return number + 1
    return None


@pytest.mark.parametrize(
    ("levels", "missed", "drains", "there", "settled"),
    [
        pytest.param([0.01] * 3, [0] * 3, False, 0, 1, id="a second within the gate settles at once"),
        pytest.param([0.01] * 3, [0] * 3, False, 2, 3, id="not before all of the load is there"),
        pytest.param([1, 2, 3], [99] * 3, False, 0, 2, id="response times that rise have settled as bad"),
        pytest.param([4, 3, 2, 1], [99] * 4, False, 0, None, id="a server that recovers has not settled"),
        pytest.param([4, 3, 2, 1, 0.1], [99] * 4 + [0], True, 0, 5, id="until it has recovered"),
        pytest.param([2, 2, 2, 2, 2], [99] * 5, True, 0, 5, id="after a step down five seconds must agree"),
        pytest.param([2, 2.2, 1.9, 1.7, 1.5, 1.3], [99] * 6, True, 0, None, id="a rise in between is noise"),
        pytest.param([None] * 3, [0] * 3, False, 0, 1, id="without a response time the gate decides"),
    ],
)
def test_a_load_settles(levels, missed, drains, there, settled) -> None:
    assert after(levels, missed, drains=drains, there=there) == settled


def test_a_recovery_that_never_ends_is_what_the_server_does() -> None:
    levels: list[float | None] = [1.0 * 0.8**second for second in range(40)]
    assert after(levels, [99] * 40, drains=True) == LONGEST_S
