"""A calibration as a document: the costs, what is separable, what was light, and how far it goes."""

from siotool.document.document import Axis, Chart, Document, Fact, Row, Section, Sentence, Table, columns
from siotool.document.document import Curve as Line
from siotool.plan.evidence.calibrated import CalibratedProfile, CostFigure, PhaseFigures
from siotool.plan.evidence.curve import CurveShape
from siotool.runfile import Pace
from siotool.runs.keeping_up import LATE_S
from siotool.units import format_count, format_duration, format_share, format_size

#: What climbs until the server does not keep up, and how the words of its phases begin.
_CLIMBED = {"call": ("calls", "climb: calls of"), "all": ("messages to all", "climb: messages of")}
#: Costs that a reader takes along.
_SHOWN = (("delivery", "a delivery"), ("inbound", "a message in"), ("connect", "a connection"))


def document(profile: CalibratedProfile) -> Document:
    """Return the document of one calibration."""
    used = [phase for phase in profile.phases if phase.used]
    return Document(
        name="siotool loadtest --calibrate",
        context=f"{profile.target}, calibrated {profile.started_at} within {profile.seconds:.0f} s",
        headline=_headline(profile),
        tone="bad" if profile.doubts or any(not one.reached for one in profile.wanted) else "",
        facts=_facts(profile),
        answer=[
            f"A load that no phase had is predicted within ±{format_share(1.7 * profile.error_cv)} "
            "in 9 of 10 cases, by the same process, at the pace that the machine had."
        ],
        sections=[
            Section("costs", "What the work costs", [*_said(profile), _costs(profile)]),
            Section("phases", "What each phase took", [_phases(profile), _chart(used)]),
            Section("reach", "How far it goes", _reach(profile)),
            Section("method", "How it was measured", _method(profile)),
        ],
        made_of=profile.run,
    )


def _headline(profile: CalibratedProfile) -> str:
    missed = [one.name for one in profile.wanted if not one.reached]
    if missed:
        return f"Calibrated, but {' and '.join(missed)} not as well as wanted"
    if profile.doubts:
        return "Calibrated, but not to be trusted: the run has doubts"
    return f"Calibrated: {len(profile.names)} costs from {sum(one.used for one in profile.phases)} phases"


def _facts(profile: CalibratedProfile) -> list[Fact]:
    known = {one.name: one for one in profile.costs if one.separable and one.value > 0}
    facts = [Fact(words, _amount(known[name], known[name].value)) for name, words in _SHOWN if name in known]
    if profile.memory is not None and profile.memory.per_connection_bytes > 0:
        facts.append(Fact("memory of a connection", format_size(profile.memory.per_connection_bytes)))
    return facts


def _said(profile: CalibratedProfile) -> list[Sentence]:
    said = [Sentence(one.sentence, "plain" if one.reached else "warning") for one in profile.wanted]
    said += [Sentence(doubt, "doubt") for doubt in profile.doubts]
    said += [Sentence(remark, "remark") for remark in profile.remarks]
    return said


def _costs(profile: CalibratedProfile) -> Table:
    rows = [
        Row(
            [
                cost.name.replace("_", " "),
                _amount(cost, cost.value) if cost.separable else "–",
                f"{_amount(cost, cost.low)} to {_amount(cost, cost.high)}" if cost.separable else "–",
                cost.words if cost.separable else cost.sentence,
            ]
        )
        for cost in profile.costs
    ]
    rows += [
        Row(
            [f"connect, {way.transport}", format_duration(way.cost_s), "–", "one connection, opened this way"]
        )
        for way in profile.other_ways
    ]
    memory = profile.memory
    if memory is not None:
        low, high = format_size(memory.per_connection_low), format_size(memory.per_connection_high)
        each = format_size(memory.per_connection_bytes)
        rows += [
            Row(["memory", each, f"{low} to {high}", "of one connection"]),
            Row(
                ["memory at rest", format_size(memory.base_bytes), "–", "of the server, without connections"]
            ),
            Row(["memory grown", format_size(memory.growth_bytes), "–", "that it keeps once it has worked"]),
            Row(
                [
                    "memory left behind",
                    format_size(memory.left_behind_bytes),
                    "–",
                    "of each connection that was opened and closed",
                ]
            ),
        ]
    return Table(columns("cost", "value>", "90 % interval>", "of what"), rows)


def _amount(cost: CostFigure, value: float) -> str:
    if cost.unit == "cores":
        return f"{value:.3g} cores"
    if 0 < value < 1e-7:
        return f"{value * 1e9:.2g} ns"
    return format_duration(value)


def _phases(profile: CalibratedProfile) -> Table:
    rows = [
        Row(
            [
                phase.words,
                f"{phase.cores:.3f}",
                f"{phase.fitted_cores:.3f}",
                f"{phase.pace:.2f}",
                ", ".join(_marks(phase)),
            ]
        )
        for phase in profile.phases
    ]
    note = (
        "Cores are of the server. Fitted: what the costs come to at the pace of the phase. Pace: how much "
        "CPU the machine took for the same work, over the whole calibration. Light: 10 % of a core or less."
    )
    return Table(columns("phase", "cores>", "fitted>", "pace>", ""), rows, note=note)


def _marks(phase: PhaseFigures) -> list[str]:
    """What is to be known of a phase: climbs show no cost, but what a full server does."""
    climbed = phase.words.startswith(tuple(begin for _, begin in _CLIMBED.values()))
    found = (("light", phase.light), ("not used", not (phase.used or climbed)))
    return [word for word, so in found if so]


def _chart(used: list[PhaseFigures]) -> Chart:
    most = max((max(one.cores, one.fitted_cores) for one in used), default=1.0)
    return Chart(
        key="fitted",
        title="The server's CPU: fitted and measured",
        x=Axis("cores", "measured", 0.0, most),
        y=Axis("cores", "fitted", 0.0, most),
        curves=[
            Line("phases", [(one.cores, one.fitted_cores) for one in used], "dots"),
            Line("equal", [(0.0, 0.0), (most, most)], "dashed"),
        ],
        note="Phases on the dashed line are explained in full by the costs.",
    )


def _reach(profile: CalibratedProfile) -> list[Sentence | Table]:
    words = {
        "connections": "connections",
        "inbound_per_s": "messages in per second",
        "deliveries_per_s": "deliveries per second",
        "handshakes_per_s": "new connections per second",
        "bytes_in_per_s": "bytes sent per second",
    }
    rows = [Row([said, format_count(round(profile.measured_to[key]))]) for key, said in words.items()]
    return [
        Sentence(
            f"The heaviest phase took {profile.cores_most:.2f} of {profile.full_cores:.3g} cores. Beyond "
            "that, and beyond the loads below, costs are extrapolated."
        ),
        Table(columns("measured up to", "per server>"), rows),
        *_full(profile),
    ]


def _full(profile: CalibratedProfile) -> list[Sentence]:
    """What a full server does, and of which kind of work that is not known, though it climbed."""
    said = [
        f"A full server does {one.value:.2f} times ({one.low:.2f} to {one.high:.2f}) what the costs of "
        f"{_CLIMBED[one.kind][0]} say, before 1 % of them come later than {format_duration(LATE_S)}."
        for one in profile.full
    ]
    known = {one.kind for one in profile.full}
    missing = [
        words
        for kind, (words, begin) in _CLIMBED.items()
        if kind not in known and any(phase.words.startswith(begin) for phase in profile.phases)
    ]
    if missing:
        what = (
            f"The same is taken for {missing[0]}, of which it"
            if said
            else "Whether a full server does more or less"
        )
        said.append(
            f"{what} is not known: the server kept up with all that siotool could load it with, or did not "
            "though it was not full."
        )
    return [Sentence(one) for one in said]


def _usual(pace: Pace | None) -> str:
    if pace is None:
        return ""
    return (
        f"At the pace of these costs a text of JSON took {format_duration(pace.text_s)} beside the server, "
        f"and a step through memory {pace.step_s * 1e9:.0f} ns. "
    )


def _waking(shape: CurveShape) -> str:
    if not shape.waking_cores:
        return ""
    return (
        f"At little work the server takes up to {shape.waking_cores:.2g} cores more than its parts cost, "
        "because it finds its caches cold. "
    )


def _method(profile: CalibratedProfile) -> list[Sentence]:
    shape = profile.curve.shape
    return [
        Sentence(
            f"{profile.server} on {profile.machine.words}; siotool {profile.siotool}, "
            f"scenario {profile.scenario}.",
            "note",
        ),
        Sentence(
            f"The loop makes some {shape.turns_most:.0f} turns a second at most; a turn's cost is "
            f"shared by what it handles. {_waking(shape)}{_usual(profile.usual_pace)}"
            f"{profile.repeats} phases repeated one; "
            f"{profile.discarded} were discarded because the server was warming up.",
            "note",
        ),
    ]
