"""Whether the server's memory leaks, as a sentence."""

from siotool.document.document import Level, Section, Sentence
from siotool.report import ways
from siotool.report.contents import Report


def leak(report: Report) -> Section:
    """Return what was found of the memory over time; nothing where it was not looked at."""
    known = report.leak
    if known is None:
        return Section("leak", "Memory over time", [])
    level: Level = "warning" if known.shown == "leak" else "plain"
    text = (
        f"The server {known.sentence}."
        if known.shown == "leak"
        else f"{known.sentence[0].upper()}{known.sentence[1:]}."
    )
    return Section("leak", "Memory over time", [Sentence(text, level, [ways.GROWTH])])
