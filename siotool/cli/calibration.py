"""``siotool loadtest --calibrate``: one calibration, what its load follows, and what is made of its run."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from siotool.calibration.design import Experiment
from siotool.calibration.phase import Timetable
from siotool.cli import output
from siotool.cli.job_summary import Summaries
from siotool.cli.streams import complain, say
from siotool.errors import ExitCode, InputError, worst
from siotool.runfile import FILE_NAME, Run
from siotool.workload import Stage

#: Rounds are left out where an interval is narrower than this share of what was asked for: the last phases
#: change it a little, and what is reached is judged after them.
_MARGIN = 0.9
#: Makes a profile of a run.
_FIT = "siotool.plan.evidence.calibrate"
#: Written beside the run.
_KEPT = ("html", "md")


class Wish(NamedTuple):
    """A cost to be known within a share of itself."""

    name: str
    within: float


class Calibrating(NamedTuple):
    """A calibration: its experiment, and what it wants to know."""

    experiment: Experiment
    wishes: Sequence[Wish]
    seed: int
    processes: int

    def programs(self, folder: Path) -> tuple[list[Any], str, list[Stage], int, int]:
        """As ``searching.programs_of``: the experiment, without the rounds that are not needed."""
        from siotool.swarm.calibration_program import CalibrationProgram

        def enough(number: int) -> bool:
            if not self.wishes or number not in self.experiment.ends:
                return False
            from siotool.runs import reading

            try:
                wanted = self._profile(reading.read(folder / FILE_NAME)).wanted
            except InputError:
                return False  # too little was seen yet
            return all(one.width is not None and one.width <= _MARGIN * one.within for one in wanted)

        if self.wishes:
            import_module(_FIT)  # takes a second, by which the first phase that follows a look would be late
        phases = self.experiment.phases
        stages = [Stage(one.duration_s, one.users) for one in phases]
        program = CalibrationProgram(Timetable(phases), self.processes, enough, self.experiment.closing)
        return [program], "", stages, self.processes, 0

    def conclude(
        self,
        path: Path,
        reason: str,
        *,
        output_format: str,
        where: str,
        quiet: bool,
        summaries: Summaries,
        **_: object,
    ) -> ExitCode:
        """Write profile.json and the report of a calibration; returns the exit code."""
        from siotool.cli.outcome import ENDS
        from siotool.document.contract import to_json
        from siotool.plan.documents import calibration_document
        from siotool.plan.evidence import calibrated
        from siotool.runs import reading

        run = reading.read(path)
        try:
            profile = self._profile(run)
        except InputError as error:
            if reason not in ENDS:
                raise
            complain(f"no profile, as the run ended early: {error.message}")
            return _early(reason)
        output.write(to_json(profile, 10), str(path.with_name(calibrated.FILE_NAME)))
        document = calibration_document.document(profile)
        for kind in _KEPT:
            written = output.printed(document, kind, "file", profile)
            output.write(written, str(path.with_name(f"calibration.{kind}")))
        if not quiet:
            say(f"run, {calibrated.FILE_NAME} and report in {path.parent}/")
        output.write(output.printed(document, output_format, where, profile, digits=10), where)
        summaries.write(document)
        codes: set[ExitCode] = set()
        for doubt in profile.doubts:
            complain(f"doubt: {doubt}")
            codes.add(ExitCode.SUSPECT)
        for one in profile.wanted:
            if not one.reached:
                complain(f"not reached: {one.sentence}")
                codes.add(ExitCode.GATE_FAILED)
        if reason in ENDS:
            return _early(reason)
        return worst(codes)

    def _profile(self, run: Run) -> Any:
        from siotool.plan.evidence.calibrate import calibrate
        from siotool.plan.evidence.wishes import with_wishes

        had = self.experiment.as_run({interval.stage for interval in run.intervals})
        profile = calibrate(run, had.phases, self.seed)
        beside_s = self.experiment.seconds - self.experiment.rounds_s
        return with_wishes(profile, self.wishes, len(had.rounds) - 1, had.rounds_s, beside_s=beside_s)


def _early(reason: str) -> ExitCode:
    """Say why a calibration that did not come to its end has a code of its own: it goes before any other."""
    from siotool.cli.outcome import ENDS
    from siotool.report.verdict import ENDED

    complain(f"exit {ENDS[reason]:d}: {ENDED[reason]}")
    return ENDS[reason]
