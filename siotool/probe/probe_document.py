"""A probe as a document."""

from types import MappingProxyType

from siotool.document.document import Block, Document, Level, Row, Section, Sentence, Table, Tone, columns
from siotool.document.junit import JudgedCase
from siotool.probe.finding import Finding, Severity
from siotool.probe.probe_result import ProbeResult

_LEVELS: MappingProxyType[Severity, Level] = MappingProxyType(
    {"error": "doubt", "warning": "warning", "info": "remark", "ok": "remark"}
)
_TONES: MappingProxyType[Severity, Tone] = MappingProxyType(
    {"error": "bad", "warning": "strong", "info": "", "ok": "good"}
)


def document(result: ProbeResult) -> Document:
    """The errors and warnings in sentences, every finding in a table, and the clients."""
    sections = []
    for title, level in (("Errors", "error"), ("Warnings", "warning")):
        told: list[Block] = [
            Sentence(_sentence(found), _LEVELS[found.level])
            for found in result.checks
            if found.level == level
        ]
        sections += [Section(title.lower(), title, told)] if told else []
    if result.checks:
        table = Table(columns("check", "level", "seen"), [_row(found) for found in result.checks])
        asked = [
            Sentence(_remark(found), "remark") for found in result.at("ok", "info") if found.means or found.do
        ]
        sections.append(Section("checks", "Checks", [table, *asked]))
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
    return Document(
        name="siotool probe",
        context=result.target,
        headline=headline(result),
        tone=_TONES[result.worst()],
        sections=sections,
    )


def headline(result: ProbeResult) -> str:
    """How many findings of what level."""
    errors, warnings = (_count(len(result.at(level)), level) for level in ("error", "warning"))
    return f"{_count(len(result.checks), 'finding')}: {errors}, {warnings}"


def _count(number: int, word: str) -> str:
    return f"{number or 'no'} {word}{'' if number == 1 else 's'}"


def cases(result: ProbeResult) -> list[JudgedCase]:
    """A case for each finding; errors are failures."""
    return [
        JudgedCase(found.id, _sentence(found), found.seen if found.level == "error" else "")
        for found in result.checks
    ]


def _row(found: Finding) -> Row:
    return Row([found.id, found.level, found.seen], _TONES[found.level])


def _sentence(found: Finding) -> str:
    """The finding in a line: what was seen, what it means, what to do."""
    return _line(found, [found.seen, found.means])


def _remark(found: Finding) -> str:
    """The same without what was seen, which the table says."""
    return _line(found, [found.means])


def _line(found: Finding, said: list[str]) -> str:
    told = [f"{part[0].upper()}{part[1:]}." for part in said if part]
    return " ".join([f"{found.id}:", *told, *([f"To do: {found.do}."] if found.do else [])])
