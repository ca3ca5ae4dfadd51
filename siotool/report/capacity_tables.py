"""A search for capacity as readers see it: the sentence, the loads that were held, the chart of both."""

from itertools import pairwise

from siotool import units
from siotool.document.document import Axis, Chart, Curve, Row, Rule, Section, Sentence, Table, Tone, columns
from siotool.report import ways
from siotool.report.capacity_figures import CapacityFigures, HoldFigures
from siotool.report.contents import Report
from siotool.search.axis import HEADINGS, SHARED_OUT, show_load, show_number
from siotool.searched import CONFIDENCE, FAILED_IN_ONE, LOWEST_FAILED

_TONES: dict[str, Tone] = {"passed": "good", "failed": "bad", "undecided": "", "generator": ""}
_WORDS = {
    "passed": "passed",
    "failed": "FAILED",
    "undecided": "undecided",
    "generator": "shows nothing",
}


def capacity_sentence(found: CapacityFigures) -> str:
    """Return what was found in one sentence, without its full stop."""
    unit = found.unit
    sure = f"with {units.format_share(found.confidence)} confidence"
    early = "" if found.complete else " (the search was ended early)"
    who = "this server holds" if found.servers == 1 else "these servers hold"
    if found.servers is not None and found.servers > 1:
        who = f"these {found.servers} servers hold"
    unknown = (
        f"; how much one of them holds is not known: {found.servers_how}" if found.servers is None else ""
    )
    if found.low <= 0:
        failed = [hold for hold in found.holds if hold.outcome == "failed"]
        if failed and found.why == LOWEST_FAILED:
            lowest = min(failed, key=lambda hold: hold.load)
            return (
                f"the lowest load, {show_load(unit, lowest.load)}, failed {lowest.gate!r} already: begin "
                "with less, or look whether the scenario fits the server"
            )
        if found.high is None:
            return f"the capacity is not known{early}"
        return f"{who} less than {show_load(unit, found.high)} of this workload, {sure}{early}{unknown}"
    if found.high is None or found.value is None:
        limit = f"; {_limit(found)}" if found.limited_by else ""
        return (
            f"{who} at least {show_load(unit, found.low)} of this workload, {sure}{_each(found, found.low)}"
            f"{limit}{early}{unknown}"
        )
    low, high = (show_number(unit, end) for end in (found.low, found.high))
    held = show_load(unit, found.value)
    return (
        f"{who} {held} of this workload, {low} to {high} {sure}{_each(found, found.value)}; {_limit(found)}"
        f"{early}{unknown}"
    )


def _each(found: CapacityFigures, load: float) -> str:
    """What one of several servers holds of it, where the load is shared out among them."""
    if found.servers in (None, 1) or found.unit not in SHARED_OUT:
        return ""
    return f", {show_number(found.unit, load / (found.servers or 1))} each"


def _limit(found: CapacityFigures) -> str:
    match found.limited_by.partition(": "):
        case ("generator", _, _):
            return "the generator is what ran out, not the server"
        case ("unsampled", _, _):
            return "higher loads could not be judged, as the server was not sampled"
        case ("bound", _, _):
            most = "no gate failed up to the load that the search was not to exceed"
            return FAILED_IN_ONE if found.why == FAILED_IN_ONE else most
        case ("time", _, _):
            return "the search's time was over before it was known which load is too much"
        case ("server", _, resource) if resource:
            several = resource == "open files" or "cores" in resource.split()
            return f"{resource} {'are' if several else 'is'} what runs out"
        case _:
            return f"{found.gate!r} fails first" if found.gate else "what runs out was not sampled"


def capacity(report: Report) -> Section:
    """Return the loads that were held, and a chart of what was missed at them."""
    found = report.capacity
    if found is None:
        return Section("capacity", "Capacity", [])
    said = capacity_sentence(found)
    text = f"{said[0].upper()}{said[1:]}. The search took {units.format_duration(found.seconds)}"
    ended = f"; it ended because {found.why}." if found.why else "."
    if found.confidence < CONFIDENCE:
        ended += _why_unsure(found)
    held = [hold for hold in found.holds if hold.blocks or hold.doubts]
    note = (
        "Figures of this report are of the highest load that passed. Seconds in which a load had not settled "
        "are not counted. docs/capacity.md says how a capacity is found."
    )
    table = Table(
        columns(
            f"{HEADINGS[found.unit]}>",
            "outcome",
            "missed>",
            "allowed>?",
            "seconds>",
            "operations>?",
            "gate nearest to failing",
        ),
        [_row(found.unit, hold) for hold in held],
        note,
        how=[ways.SEARCHED],
    )
    counted = [hold for hold in held if hold.allowed and hold.blocks]
    charts = [_chart(found, counted)] if len(counted) > 1 else []
    sentence = Sentence(text + ended, how=[ways.SEARCHED])
    return Section("capacity", "Capacity", [sentence, *charts, table] if held else [sentence])


def _why_unsure(found: CapacityFigures) -> str:
    """Why less is certain than was aimed at; empty where no hold was at this load."""
    held = max(_held_at(found.low, found.holds))
    if not held:
        return ""
    return (
        f" The confidence is below {units.format_share(CONFIDENCE)}, as this load was held for "
        f"{units.format_duration(held)}: failures that are as rare as the gates allow need more to be seen."
    )


def _held_at(load: float, holds: list[HoldFigures]) -> list[int]:
    """Seconds at a load in each of the searches that follow each other: after restarts, or of other runs."""
    held = [0]
    for before, hold in pairwise([None, *holds]):
        if hold is None:
            continue
        if before is not None and (hold.restarts != before.restarts or hold.from_s < before.to_s - 0.5):
            held.append(0)
        held[-1] += hold.blocks * (hold.load == load)
    return held


def _row(unit: str, hold: HoldFigures) -> Row:
    why = "; ".join(hold.doubts) if hold.doubts else hold.gate
    cells = [
        show_number(unit, hold.load),
        _WORDS[hold.outcome],
        units.format_share(hold.missed),
        units.format_share(hold.allowed),
        f"{hold.blocks:,}",
        f"{hold.operations:,}",
        why,
    ]
    return Row(cells, _TONES[hold.outcome])


def _chart(found: CapacityFigures, counted: list[HoldFigures]) -> Chart:
    """Multiples of the allowed share, so that different gates have one line to cross."""
    points = sorted((hold.load, hold.missed / hold.allowed) for hold in counted)
    loads = [load for load, _ in points]
    ends = [end for end in (found.low, found.high) if end]
    return Chart(
        "capacity",
        "Missed operations, as a multiple of what the gate allows",
        Axis("count", name="load", low=min(loads), high=max(loads), log=True),
        Axis("factor"),
        [Curve("missed", points, "dots")],
        "A dot is a hold. Dashed: what is allowed, and the ends of the interval.",
        [Rule(y=1.0), *(Rule(x=end) for end in ends)],
        how=[ways.SEARCHED],
    )
