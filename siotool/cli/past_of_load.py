"""What a load test is compared with, and the history that its run is added to."""

from pathlib import Path

from siotool.cli.comparing import Baseline, read_baseline
from siotool.cli.keeping import Keeping, keeping
from siotool.cli.report import HISTORY
from siotool.errors import InputError


def past_of_load(
    baseline: list[str], history: Path | None, label: str | None, *, same_target: bool
) -> tuple[Baseline | None, Keeping | None]:
    """Read the baseline before the load begins, and say where the run is kept; None for neither.

    It is kept in the history that was named, or that it is compared with, or that is where histories are.
    Raises InputError.
    """
    compared_with = read_baseline(baseline, history, same_target=same_target)
    from_history = compared_with is not None and compared_with.history is not None
    if history is not None or from_history or HISTORY.exists():
        return compared_with, keeping(history or HISTORY, label)
    if label is not None:
        raise InputError("--label needs a history", "give --history FILE")
    return compared_with, None
