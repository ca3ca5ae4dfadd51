"""A probe as a document."""

from types import MappingProxyType

from siotool.document.document import Block, Document, Level, Row, Section, Sentence, Table, Tone, columns
from siotool.probe.finding import SEVERITIES, Finding, Severity
from siotool.probe.probe_result import ProbeResult

_LEVELS: MappingProxyType[Severity, Level] = MappingProxyType(
    {"error": "doubt", "warning": "warning", "info": "remark", "ok": "remark"}
)
_TONES: MappingProxyType[Severity, Tone] = MappingProxyType(
    {"error": "bad", "warning": "strong", "info": "", "ok": "good"}
)


def document(result: ProbeResult, least: Severity) -> Document:
    """The findings of a level and above, and the clients."""
    shown = [found for found in result.checks if SEVERITIES.index(found.level) >= SEVERITIES.index(least)]
    sections = []
    for title, key, level in (("Errors", "errors", "error"), ("Warnings", "warnings", "warning")):
        told: list[Block] = [
            Sentence(_sentence(found), _LEVELS[found.level]) for found in shown if found.level == level
        ]
        sections += [Section(key, title, told)] if told else []
    if shown:
        table = Table(columns("check", "level", "seen"), [_row(found) for found in shown])
        told = [Sentence(_sentence(found), "remark") for found in shown if found.level == "info" and found.do]
        sections.append(Section("checks", "Checks", [table, *told]))
    if result.clients:
        rows = [
            Row(
                [client.name, "yes" if client.connects else "no", client.how],
                "" if client.connects else "bad",
            )
            for client in result.clients
        ]
        clients = Table(columns("client", "connects", "how"), rows)
        sections.append(Section("clients", "Which clients can connect", [clients]))
    worst = result.worst()
    return Document(
        name="siotool probe",
        context=result.target,
        headline=headline(result),
        tone="bad" if worst == "error" else "good" if worst in ("ok", "info") else "strong",
        sections=sections,
    )


def headline(result: ProbeResult) -> str:
    """What there is, and how many findings."""
    errors, warnings = len(result.at("error")), len(result.at("warning"))
    return (
        f"{len(result.checks)} checks: "
        f"{errors or 'no'} error{'s' if errors != 1 else ''}, {warnings or 'no'} warning{'s' if warnings != 1 else ''}"
    )


def _row(found: Finding) -> Row:
    return Row([found.id, found.level, found.seen], _TONES[found.level])


def _sentence(found: Finding) -> str:
    """The finding in a line: what was seen, what it means, what to do."""
    said = [found.seen, found.means and f"{found.means[0].upper()}{found.means[1:]}"]
    told = ". ".join(part.rstrip(".") for part in said if part)
    return f"{found.id}: {told}." + (f" To do: {found.do}" if found.do else "")
