"""How a report's figures were obtained, way by way. Tables, charts and sentences refer to these."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from siotool.document.document import Chart, Section, Sentence, Table, Way
from siotool.histogram import RELATIVE_ERROR
from siotool.report.contents import Report
from siotool.report.outages import SHARE
from siotool.runs.slope import WIDEST
from siotool.units import format_share

COUNTS = "counts"
HOLD = "hold phase"
RESPONSE = "response times"
SERVICE = "service times"
INTERVALS = "intervals"
COSTS = "costs of one"
GROWTH = "memory over time"
ACCOUNT = "delivery account"
WIRE = "bytes on the wire"
PAYLOAD = "payload bytes"
SAMPLES = "server samples"
SLOPE = "slope over the ramp"
GENERATOR = "generator's own samples"
PLANNED = "planned figures"
FORMULA = "formula"
PLANNER = "planner"
JUDGED = "gates"
DOUBTED = "doubts and remarks"
AWAY = "outages"
BROKEN = "faults"
VISITS = "visits"
RAISED = "exceptions and checks"
RECORD = "run file"
COMPARED = "comparison"
SEARCHED = "search for capacity"


def _hold(report: Report) -> str:
    text = (
        "Rates, bandwidth and the server's CPU are means over the hold phase, which is shaded in charts: "
        f"{report.steady.how}."
    )
    if report.series.point_s > 1.5:
        text += f" Each point of a chart stands for {report.series.point_s:.0f} s."
    return text


def _response(report: Report) -> str:
    return (
        "From the intended start of an operation until its frame arrived, before it was decoded. An "
        "operation without an answer counts as the time it was waited for. Percentiles are read from "
        f"histograms (nearest rank), within {format_share(RELATIVE_ERROR)} of the sample at that rank."
    )


def _samples(report: Report) -> str:
    source = report.server.source if report.server is not None else "no source"
    return (
        "CPU, resident memory, open files, and what else a source shows, sampled once a second from "
        f"{source}. A second without a sample has no figure."
    )


def _judged(report: Report) -> str:
    when = (
        "before the first fault and after the last one, but for those that name a fault, or judge outages"
        if report.faults
        else "over the whole run"
    )
    return f"Each gate is judged {when}. Default gates apply unless they are replaced."


#: Each way's text, in the order of the section.
_TEXTS: Mapping[str, str | Callable[[Report], str]] = MappingProxyType(
    {
        COUNTS: "Workers count within each second. Totals are sums over the run, peaks the largest second.",
        HOLD: _hold,
        RESPONSE: _response,
        SERVICE: "From the actual send, where operations are scheduled.",
        INTERVALS: (
            "Figures lie in their intervals with 95 %. Those of percentiles are between order statistics; "
            "how far apart follows from the scatter between seconds, neighbours of which are alike. What "
            "differs from one run to the next is in none of them."
        ),
        ACCOUNT: (
            "Each published message carries a stamp. It is expected by every user that was connected, or in "
            "its room, when it was sent. What has not arrived 30 s later, or when the run ends, is lost."
        ),
        WIRE: lambda report: (
            "TCP payload as the clients see it: HTTP, WebSocket frames, heartbeats, TLS. Read from "
            f"{report.bandwidth.source}."
        ),
        PAYLOAD: "Engine.IO packets, without the frames that carry them.",
        SAMPLES: _samples,
        SLOPE: (
            "The median of the slopes between all pairs of points of the ramp (Theil and Sen). It counts "
            f"only where its interval is narrower than {format_share(WIDEST)} of it."
        ),
        COSTS: (
            "A fit of the server's CPU, and of the bytes on the wire, over the seconds of the runs: the cost "
            "of each kind of work that varied apart from the others (docs/sizing.md)."
        ),
        GROWTH: (
            "The median slope between all pairs of points of the hold phase (Theil and Sen), and its "
            "interval from the scatter around it, whose waves count as few points."
        ),
        SEARCHED: (
            "Loads were raised until gates failed, then held around the edge. The interval is that of a "
            "density over the logarithm of load (docs/capacity.md)."
        ),
        GENERATOR: (
            "Each worker samples its own CPU, memory and open files once a second, and how late its loop ran."
        ),
        PLANNED: "Typed for this report, or read from a plan.",
        FORMULA: "The published formula alone, rounded up: bandwidth is its only resource, without spares.",
        PLANNER: (
            "siotool's planner: every resource that can run out, and the servers that bad days need. It "
            "answers as siotool plan does."
        ),
        JUDGED: _judged,
        DOUBTED: (
            "Fixed rules over the run file. A doubt is about the generator, or about what was not measured. "
            "What the target did is a result."
        ),
        AWAY: (
            f"An outage begins when {format_share(SHARE)} of the connections are lost or away, and ends when "
            "everybody is back. A user is away from the loss of its connection until it has joined again."
        ),
        BROKEN: (
            "A fault lasts until it is undone and everybody is back that it cost a connection. Messages that "
            "were lost count where they were sent. Charts show it in red."
        ),
        VISITS: "From a user's start until its end, for the users whose scenario ended them.",
        RAISED: "Counted by class, message and place.",
        RECORD: "As run.jsonl has it.",
        COMPARED: (
            "Means of the runs of each side, on a scale of ratios. Intervals are those of a hierarchical "
            "bootstrap over runs and blocks of their seconds; verdicts hold for all metrics together (Holm)."
        ),
    }
)


def method(report: Report, sections: Sequence[Section]) -> Section:
    """Return an entry for each way that the sections refer to."""
    named = {name for section in sections for block in section.blocks for name in _named(block)}
    unknown = named - _TEXTS.keys()
    if unknown:
        raise KeyError(f"no way of obtaining figures is called {', '.join(sorted(unknown))}")
    ways = [
        Way(name, text if isinstance(text, str) else text(report))
        for name, text in _TEXTS.items()
        if name in named
    ]
    return Section("method", "How the figures were obtained", ways)


def _named(block: object) -> Sequence[str]:
    return block.how if isinstance(block, Table | Chart | Sentence) else ()
