"""Why a client cannot connect, in the words of the check that says most about it."""

from siotool.probe.probe_result import ProbeResult

#: What keeps everybody out comes before what keeps some out.
IDS = (
    "reachable",
    "tls",
    "path",
    "cors",
    "auth",
    "websocket",
    "parser",
    "namespace",
    "polling",
    "upgrade",
    "sticky",
    "eio4",
)


def explain(result: ProbeResult) -> tuple[str, str] | None:
    """The message, and what to do, of the first error, or else of the first warning; None without any."""
    found = [*result.at("error"), *result.at("warning")]
    found.sort(key=lambda one: (one.level != "error", IDS.index(one.id)))
    if not found:
        return None
    first = found[0]
    return f"{result.target}: {first.id}: {first.seen}. {first.means[:1].upper()}{first.means[1:]}", first.do
