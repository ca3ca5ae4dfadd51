"""What holds say of the edge: a density that moves the right way, and the likelihood that it is made of."""

import math

import numpy as np
import pytest

from siotool.search.edge_belief import _likelihood, believe, proven
from siotool.search.seen_blocks import Block, Visit, totals_by_load


def visit(load: float, missed: float, tried: float = 100.0, blocks: int = 8) -> Visit:
    return Visit(load, [Block(1.0, (missed,), (tried,)) for _ in range(blocks)])


CLIMB = [visit(50, 0), visit(100, 0), visit(200, 60)]


def middle(*more: Visit) -> float:
    found = believe([*CLIMB, *more], (0.01,))
    assert found is not None
    return found.quantile(0.5)


def test_nothing_is_believed_before_a_block_has_operations() -> None:
    assert believe([], (0.01,)) is None
    assert believe([visit(10, 0, tried=0)], (0.01,)) is None


def test_the_edge_lies_between_what_passed_and_what_failed() -> None:
    found = believe(CLIMB, (0.01,))
    assert found is not None
    assert found.density.sum() == pytest.approx(1)
    assert 100 < found.quantile(0.5) < 200
    assert found.quantile(0.025) < found.quantile(0.5) < found.quantile(0.975) <= 210


def test_misses_move_the_edge_down_and_their_lack_moves_it_up() -> None:
    assert middle(visit(140, 5)) < middle() < middle(visit(140, 0))


def test_more_holds_narrow_the_belief_and_holds_that_differ_widen_it() -> None:
    def width(*more: Visit) -> float:
        found = believe([*CLIMB, *more], (0.01,))
        assert found is not None
        return found.quantile(0.975) - found.quantile(0.025)

    calm = [visit(140, 0), visit(155, 4), visit(140, 0), visit(155, 4)]
    torn = [visit(140, 8), visit(155, 0), visit(140, 0), visit(155, 16)]
    assert width(*calm) < width(*calm[:2]) < width()
    assert width(*torn) > width(*calm)


def test_of_two_objectives_the_one_that_fails_first_is_the_edge() -> None:
    def both(load: float, first: float, second: float) -> Visit:
        return Visit(load, [Block(1.0, (first, second), (100.0, 100.0)) for _ in range(8)])

    holds = [both(50, 0, 0), both(100, 0, 0), both(200, 0, 60), both(400, 60, 100), both(140, 0, 0)]
    found = believe(holds, (0.01, 0.01))
    assert found is not None
    assert 140 * 0.9 < found.quantile(0.5) < 200


def test_a_piece_is_likeliest_where_the_curve_has_its_share() -> None:
    piece = [Block(1.0, (5.0,), (100.0,)) for _ in range(4)]
    table = _likelihood(piece, 0)[:, 0]
    odds = -25.6 + 0.1 * int(np.argmax(table))
    assert 1 / (1 + math.exp(-odds)) == pytest.approx(0.05, rel=0.1)


@pytest.mark.parametrize(
    ("missed", "blocks", "sign"),
    [
        pytest.param(0, 60, 1, id="a minute without a miss is below the edge"),
        pytest.param(0, 5, 0, id="five seconds without one show little"),
        pytest.param(50, 4, -1, id="half of all missed is beyond it"),
        pytest.param(1, 60, 0, id="just what is allowed is at it"),
    ],
)
def test_how_sure_a_load_is_on_its_side(missed: float, blocks: int, sign: int) -> None:
    shown = proven([visit(100, missed, blocks=blocks)], (0.01,))
    assert {1: shown > 2, -1: shown < -3, 0: abs(shown) < 1}[sign], shown


def test_what_was_counted_at_a_load_is_added_up_over_its_holds() -> None:
    (low, high) = totals_by_load([visit(20, 1), visit(10, 0), visit(20, 3)], 0)
    assert (low.load, low.missed, low.blocks) == (10, 0, 8)
    assert (high.load, high.missed, high.tried, high.blocks) == (20, 32, 1600, 16)
