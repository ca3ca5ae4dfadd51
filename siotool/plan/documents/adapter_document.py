"""A measured adapter as a document: who receives a publish, what it costs, and how well that predicts."""

from siotool.document.document import Document, Fact, Row, Section, Sentence, Table, columns
from siotool.document.groups import NONE
from siotool.plan.evidence.adapter_measure import WITHIN
from siotool.plan.evidence.adapter_profile import AdapterProfile, SideCosts
from siotool.plan.evidence.adapter_scaling import law_times
from siotool.plan.evidence.calibrated import CostFigure
from siotool.plan.evidence.fleet_phases import fleet_words
from siotool.units import format_duration, format_rate, format_share

#: Costs that a reader takes along.
_SHOWN = (("publish", "a publish"), ("receive", "a message from the adapter"), ("delivery", "a delivery"))


def document(profile: AdapterProfile) -> Document:
    """Return the document of one measurement."""
    nodes = ", ".join(str(one.servers) for one in profile.fleets)
    return Document(
        name="siotool lab measure",
        context=f"adapter {profile.adapter} with {nodes} servers, measured {profile.started_at}",
        headline=_headline(profile),
        tone="" if profile.law_holds else "bad",
        facts=_facts(profile),
        answer=_answer(profile),
        sections=[
            Section("fleets", "What each fleet did", [*_said(profile), _fleets(profile)]),
            Section("law", "Who receives a publish", [_laws(profile)]),
            Section("costs", "What it costs", _costs(profile)),
            Section("prediction", "A fleet that the costs do not know", _predictions(profile)),
            Section("phases", "What each phase took", [_phases(profile)]),
            Section("method", "How it was measured", _method(profile)),
        ],
        made_of=profile.run,
    )


def share_words(share: float) -> str:
    """A share of servers, as well as it was counted: in tenths of a percent."""
    return f"{100 * share:.1f} %"


def error_words(error: float) -> str:
    """An error as a share with its sign."""
    return f"{100 * error:+.0f} %"


def _headline(profile: AdapterProfile) -> str:
    wrong = [one for one in profile.laws if not one.holds]
    if not wrong:
        return f"{profile.adapter} is received as its law says: {profile.law}"
    like = wrong[0].like
    seen = f", as the law {like} has it" if like else ""
    return (
        f"{profile.adapter} is not received as its law {profile.law} says: by "
        f"{share_words(wrong[0].counted)} of {fleet_words(wrong[0].servers)}{seen}, not "
        f"{share_words(wrong[0].expected)}"
    )


def _facts(profile: AdapterProfile) -> list[Fact]:
    known = {one.name: one for one in profile.server.costs if one.separable and one.value > 0}
    return [
        Fact(words, cost_words(known[name], known[name].value)) for name, words in _SHOWN if name in known
    ]


def _answer(profile: AdapterProfile) -> list[str]:
    if not profile.predictions:
        return []
    worst = max(profile.predictions, key=lambda one: abs(one.error))
    return [
        f"A fleet that the costs do not know is predicted within {format_share(abs(worst.error))}: that is "
        f"{fleet_words(worst.servers)}, the {worst.side}'s CPU."
    ]


def _said(profile: AdapterProfile) -> list[Sentence]:
    return [Sentence(one, "doubt") for one in profile.doubts] + [
        Sentence(one, "remark") for one in profile.remarks
    ]


def _fleets(profile: AdapterProfile) -> Table:
    rows = [
        Row(
            [
                str(one.servers),
                format_rate(one.published_per_s),
                format_rate(one.received_per_s),
                format_rate(one.delivered_per_s),
                f"{one.cores:.3f}",
                NONE if one.backend_cores is None else f"{one.backend_cores:.3f}",
                format_rate(one.work_per_core_s),
                format_share(one.machine_most),
                "" if one.fitted else "checked only",
            ]
        )
        for one in profile.fleets
    ]
    named = columns(
        *("servers>", "published>", "received>", "delivered>", "cores>", "backend>", "a core>?"),
        *("machine>?", ""),
    )
    note = (
        "Means over all phases. Published is of the fleet; received from the adapter, delivered and cores "
        "are of one server, backend is its cores. A core: messages read and written for each second of a "
        "server's CPU. Machine: the most of its CPUs that fleet and generator took together."
    )
    return Table(named, rows, note=note)


def _laws(profile: AdapterProfile) -> Table:
    rows = [
        Row(
            [
                str(one.servers),
                one.kind,
                share_words(one.expected),
                share_words(one.counted),
                f"{one.publishes:,.0f}",
                f"{share_words(one.low)} to {share_words(one.high)}",
                "as the law says" if one.holds else f"not so: as {one.like}" if one.like else "not so",
            ],
            "" if one.holds else "bad",
        )
        for one in profile.laws
    ]
    named = columns("servers>", "messages", "by the law>", "counted>", "published>?", "by server>?", "")
    note = (
        f"The share of the servers that receive a publish from the adapter, by the law {profile.law} and as "
        "the servers counted. By server: the one that received the fewest, and the most."
    )
    return Table(named, rows, note=note)


def _costs(profile: AdapterProfile) -> list[Sentence | Table]:
    found: list[Sentence | Table] = [_side(profile.server, "of a server")]
    if profile.backend is not None:
        found.append(_side(profile.backend, "of the backend"))
    scaling = profile.scaling
    if scaling is not None:
        most = len(scaling.costs_times)
        found.append(
            Sentence(
                f"By the scalability law contention is {scaling.alpha:.3f} ({scaling.alpha_low:.3f} to "
                f"{scaling.alpha_high:.3f}) and coherency {scaling.beta:.4f} ({scaling.beta_low:.4f} to "
                f"{scaling.beta_high:.4f}) for this mix of messages: {scaling.why}. It has "
                f"{fleet_words(most)} do {law_times(scaling, most):.2f} times the work of one, and the costs "
                f"above {scaling.costs_times[-1]:.2f} times. A plan counts with the costs, and the law "
                "checks them."
            )
        )
    return found


def _side(side: SideCosts, of: str) -> Table:
    rows = [
        Row(
            [
                cost.name.replace("_", " "),
                cost_words(cost, cost.value) if cost.separable else NONE,
                f"{cost_words(cost, cost.low)} to {cost_words(cost, cost.high)}" if cost.separable else NONE,
                cost.words if cost.separable else cost.sentence,
            ]
        )
        for cost in side.costs
    ]
    return Table(columns(f"CPU {of}", "value>", "90 % interval>", "of what"), rows)


def cost_words(cost: CostFigure, value: float) -> str:
    """A cost in its unit."""
    if cost.unit == "cores":
        return f"{value:.2g} cores"
    return f"{value * 1e9:.2g} ns" if value < 1e-7 else format_duration(value)


def _predictions(profile: AdapterProfile) -> list[Sentence | Table]:
    if not profile.predictions:
        return [Sentence("Too few numbers of servers to predict one from the others: measure three or more.")]
    rows = [
        Row(
            [
                str(one.servers),
                one.side,
                f"{one.measured_cores:.3f}",
                f"{one.predicted_cores:.3f}",
                error_words(one.error),
                error_words(one.worst),
            ],
            "" if abs(one.error) <= WITHIN else "bad",
        )
        for one in profile.predictions
    ]
    note = (
        "The CPU of one server, or of the backend, over all phases: predicted from the other numbers of "
        "servers, with the messages that users sent and who receives them by the law. A fleet of one is not "
        "predicted but measured: no other shows what a server alone with its backend costs. Worst phase: of "
        "those that took 3 % of a core or more."
    )
    named = columns("servers>", "of", "measured cores>", "predicted>", "error>", "worst phase>")
    return [Table(named, rows, note=note)]


def _phases(profile: AdapterProfile) -> Table:
    rows = [
        Row(
            [
                str(one.servers),
                one.words,
                format_rate(one.published_per_s),
                f"{one.cores:.3f}",
                f"{one.fitted_cores:.3f}",
                NONE if one.backend_cores is None else f"{one.backend_cores:.3f}",
            ]
        )
        for one in profile.phases
    ]
    named = columns("servers>", "phase", "published>", "cores>", "fitted>", "backend cores>")
    note = "Cores are of one server, and of the backend, at the pace that the machine usually had."
    return Table(named, rows, note=note, folded=f"{len(rows)} phases")


def _method(profile: AdapterProfile) -> list[Sentence]:
    versions = ", ".join(f"{name} {version}" for name, version in profile.versions.items())
    return [
        Sentence(
            f"{versions}; {profile.machine.words}; siotool {profile.siotool}.",
            "note",
        ),
        Sentence(
            f"{profile.users} users, up to {format_rate(profile.rate_per_s)} published, "
            f"{profile.seconds:.0f} s in all. Servers count what they give to the adapter and what they "
            "receive from it. The machine is shared by the fleet, its backend and the generator.",
            "note",
        ),
    ]
