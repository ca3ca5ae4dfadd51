"""What a load test's run is beside: its plan, its baseline, and the history that it is added to."""

from collections.abc import Mapping
from pathlib import Path

from siotool.cli.comparing import Baseline, read_baseline
from siotool.cli.keeping import Keeping, keeping
from siotool.cli.places import REPORTS, check_not_read, check_places
from siotool.cli.plan_options import planned
from siotool.cli.report import HISTORY
from siotool.errors import InputError
from siotool.history import history_file
from siotool.plan.sizing.replan import ReadBack


def beside_load(
    plan: Path | None,
    baseline: list[str],
    history: Path | None,
    label: str | None,
    places: Mapping[str, str | Path | None],
    out: Path | None,
    *,
    same_target: bool,
    kept: bool,
) -> tuple[ReadBack | None, Baseline | None, Keeping | None]:
    """Read plan and baseline before the load begins, and say where its run is kept; None for each of them.

    It is kept in the history that was named, or that it is compared with, or that is where histories are. The
    one that was named is the baseline where no other is.
    ``kept``: there will be a run to keep. ``places`` are files that its report goes to, by option, ``out``
    the folder that was named for the run. Raises InputError, and OutputError for a history or a file that
    nothing can be written to.
    """
    check_places(places, out or REPORTS, out)
    check_not_read([history or HISTORY], places)
    read_back = None if plan is None else planned(str(plan))
    # where no run will be kept, a history that was only to keep it need not be one
    asked = history if kept or baseline else None
    compared_with = read_baseline(baseline, asked, same_target=same_target)
    from_history = compared_with is not None and compared_with.history is not None
    if history is not None or from_history or HISTORY.exists():
        if kept:
            history_file.prepare(history or HISTORY)
        return read_back, compared_with, keeping(history or HISTORY, label)
    if label is not None:
        raise InputError("--label needs a history", "give --history FILE")
    return read_back, compared_with, None


def refuse_another_scenario(baseline: Baseline | None, scenario: str) -> None:
    """Raise InputError before the load begins where its baseline is of another scenario."""
    for one in baseline.runs if baseline is not None else ():
        if one.conditions.scenario != scenario:
            raise InputError(
                f"runs of different scenarios cannot be compared: the baseline {one.run} has "
                f"{one.conditions.scenario}, this load has {scenario}",
                "name a run of this scenario, or leave --baseline out",
            )
