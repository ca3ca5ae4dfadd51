"""``siotool plan --from`` and ``--verify``: runs, judged by the report, learnt from by the planner."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from siotool.cli.profile_file import adapter_among, profile_among, read_profile
from siotool.errors import InputError
from siotool.plan.evaluation.evaluate import Evaluation
from siotool.plan.evidence.adapter_inputs import inputs_of_adapter
from siotool.plan.evidence.adapter_summary import describe_adapter, with_adapter
from siotool.plan.evidence.calibrated import CalibratedProfile
from siotool.plan.evidence.calibrated_inputs import inputs_of_profile
from siotool.plan.evidence.calibrated_summary import describe_profile
from siotool.plan.evidence.connect_ways import planned_ways
from siotool.plan.evidence.held_out import cores_of, memory_of
from siotool.plan.evidence.holds import whole_hold
from siotool.plan.evidence.measured_inputs import inputs_of
from siotool.plan.evidence.message_sizes import message_sizes
from siotool.plan.evidence.observe import Observations, observe
from siotool.plan.evidence.prediction import predict
from siotool.plan.evidence.profile import ServerProfile, measure
from siotool.plan.evidence.summary import describe
from siotool.plan.evidence.verify import Verification, verify
from siotool.plan.inputs import compose
from siotool.plan.inputs.figure import Figure, Inputs
from siotool.plan.model import Evidence
from siotool.report.join import summarize
from siotool.report.overload import overload
from siotool.report.planned import Planned
from siotool.runs import reading


class Measured(msgspec.Struct, frozen=True):
    """What runs give to a plan: figures, and a description once the plan is there."""

    inputs: Inputs
    profile: ServerProfile | None
    describe: Callable[[Evaluation[float]], Evidence]
    calibrated: CalibratedProfile | None = None


def learn(
    names: Sequence[str], *, planned: Inputs, accept_suspect: bool, seed: int, same_target: bool = False
) -> Measured:
    """Read runs (``RUN`` or ``RUN@NODES``), or one profile, and say what the server's work costs.

    A measured adapter may stand beside them: what it costs is its own, and the rest of a server theirs.
    ``planned`` has the messages and the transport that a profile's costs are to be of.
    """
    adapter, names = adapter_among(names)
    if adapter is not None:
        sizes = message_sizes(planned)
        own = inputs_of_adapter(
            adapter, planned, sizes.published, seed, alone=not names, delivered=sizes.delivered
        )
        given = compose.with_measured(planned, own)
        if not names:
            return Measured(own, None, describe_adapter(adapter, given))
        others = learn(
            names, planned=planned, accept_suspect=accept_suspect, seed=seed, same_target=same_target
        )
        return msgspec.structs.replace(
            others,
            inputs=compose.over(own, others.inputs),
            describe=with_adapter(others.describe, adapter, given),
        )
    if (path := profile_among(names)) is not None:
        calibrated = read_profile(path)
        if calibrated.valid != "yes" and not accept_suspect:
            raise InputError(
                f"{path}: the calibration is suspect: {'; '.join(calibrated.doubts)}",
                "calibrate again, or take it as it is with --accept-suspect",
            )
        sizes = message_sizes(planned)
        inputs = inputs_of_profile(
            calibrated, sizes.delivered, seed, received=sizes.received, ways=planned_ways(planned)
        )
        return Measured(inputs, None, describe_profile(calibrated), calibrated)
    observations = _observe(names, accept_suspect=accept_suspect, same_target=same_target)
    profile = measure(observations, seed)
    return Measured(inputs_of(profile, observations, seed), profile, describe(profile, observations, seed))


def check(
    name: str, inputs: Inputs, measured: Measured | None, *, accept_suspect: bool, draws: int, seed: int
) -> Verification:
    """Compare a plan's figures with one run, at the run's own load.

    Where none of the measured figures was typed over, the runs they come from say more: open
    files, and by how much one run differs from the next.
    """
    observations = _observe([name], accept_suspect=accept_suspect)
    own = measured is not None and all(inputs.figures[key] is one for key, one in _costs(measured))
    profile = measured.profile if measured is not None and own else None
    return verify(predict(inputs, observations, draws=draws, seed=seed, profile=profile), observations)


def check_calibrated(
    name: str, measured: Measured, *, accept_suspect: bool, draws: int, seed: int
) -> Verification:
    """Compare what a profile predicts for a run's load with what the run saw of its server."""
    profile = measured.calibrated
    assert profile is not None
    observations = _observe([name], accept_suspect=accept_suspect)
    hold = whole_hold(reading.read(_place(name)[0]), profile.usual_pace)
    assert hold is not None  # a run without samples was refused
    predicted = {"cpu": cores_of(profile, hold, draws, seed)}
    memory = memory_of(profile, hold, draws, seed)
    if memory is not None:
        predicted["memory"] = memory
    return verify(predicted, observations)


def _costs(measured: Measured) -> list[tuple[str, Figure]]:
    """The measured figures that a prediction rests on; not those of the formula, which may be planned."""
    figures = measured.inputs.figures.items()
    return [
        (key, one)
        for key, one in figures
        if key.startswith("server.") and (key.endswith("_cost") or key.startswith("server.memory"))
    ]


def _observe(names: Sequence[str], *, accept_suspect: bool, same_target: bool = False) -> Observations:
    places = [_place(name) for name in names]
    runs = [reading.read(path) for path, _ in places]
    reports = [summarize([run], Planned()) for run in runs]
    for run, report in zip(runs, reports, strict=True):
        if beyond := overload(report.operations, report.connections, report.delivery, report.user_classes):
            raise InputError(
                f"{run.path} shows no cost: {beyond}", "plan from a run that its server kept up with"
            )
    return observe(
        runs,
        [report.valid for report in reports],
        nodes=[nodes for _, nodes in places],
        accept_suspect=accept_suspect,
        same_target=same_target,
    )


def _place(name: str) -> tuple[Path, int]:
    path, at, nodes = name.rpartition("@")
    if not at or Path(name).exists():
        return Path(name), 1
    if not nodes.isdecimal() or int(nodes) < 1:
        raise InputError(
            f"--from {name}: {nodes!r} is not a number of nodes", "for example --from reports/x@4"
        )
    return Path(path), int(nodes)
