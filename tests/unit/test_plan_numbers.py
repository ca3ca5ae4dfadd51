"""What a Number is: held by mypy, and without numpy where all figures are single."""

import subprocess
import sys
from pathlib import Path

import pytest

from siotool.plan.numbers import anywhere, everywhere, single

PLANTED = """
import numpy as np
from siotool.plan.constraints.waiting import Job, Loop, mean_wait
from siotool.plan.numbers import Number, divide, maximum

drawn = np.ones(3)
fine: Number = drawn
mixed: Number = 2.0 * maximum(fine, 1.0) - 1
float_of_floats: float = divide(1.0, 2.0)
float_of_a_loop: float = mean_wait(Loop((Job(1.0, 0.1),)))
"""


def _said(tmp_path: Path, *lines: str) -> list[str]:
    """What mypy says of the lines, which stand below some that are right."""
    path = tmp_path / "planted.py"
    path.write_text(PLANTED + "\n".join(lines) + "\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", tmp_path, path],
        capture_output=True,
        text=True,
        check=False,
    )
    return [line.partition("planted.py:")[2] for line in done.stdout.splitlines() if "planted.py:" in line]


@pytest.mark.slow
def test_what_is_no_number_is_an_error_of_types(tmp_path: Path) -> None:
    planted = [
        'x: Number = "three"',
        "y: Number = [1.0, 2.0]",
        'divide("3", 1.0)',
        "mean_wait(Loop((Job([1.0], 0.1),)))",
        "z: float = divide(fine, 2.0)",
        "w: float = mean_wait(Loop((Job(fine, 0.1),)))",
        "fine + 'three'",
    ]
    first = PLANTED.count("\n") + 1
    found = {int(line.partition(":")[0]) for line in _said(tmp_path, *planted) if "error" in line}
    assert found == set(range(first, first + len(planted)))


def test_the_model_of_single_figures_loads_no_numpy() -> None:
    loaded = "import sys, siotool.plan.evaluation.evaluate; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_single_figure_is_asked_for_and_draws_are_refused() -> None:
    import numpy as np

    assert single(3) == 3
    assert single(np.float64(2.5)) == 2.5
    with pytest.raises(TypeError, match="a single figure is needed, not draws"):
        single(np.ones(2))


def test_a_condition_of_draws_holds_somewhere_or_everywhere() -> None:
    import numpy as np

    drawn = np.array([1.0, 3.0])
    assert (anywhere(drawn > 2), everywhere(drawn > 2), everywhere(drawn > 0)) == (True, False, True)
    assert (anywhere(True), everywhere(False)) == (True, False)
