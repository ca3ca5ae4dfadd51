"""What a probe found, as scripts read it: ``siotool probe --format json``."""

from collections.abc import Sequence

import msgspec

from siotool.client.secret_texts import SHORTEST, forms_of
from siotool.errors import ExitCode
from siotool.printable import one_line
from siotool.probe.finding import SEVERITIES, Finding, Severity

#: Stands where ``printable`` has cut off the rest.
_CUT = "…"


class ClientRow(msgspec.Struct, frozen=True):
    """Whether a client can connect, and with which options; or why it cannot."""

    name: str
    connects: bool
    how: str


class ProbeResult(msgspec.Struct, frozen=True):
    """The answer, safe to show; ``target`` is the address that was asked in the end."""

    version: int
    target: str
    checks: list[Finding]
    clients: list[ClientRow]

    def worst(self) -> Severity:
        """The highest level among the findings."""
        return max((found.level for found in self.checks), key=SEVERITIES.index, default="ok")

    def at(self, *levels: Severity) -> list[Finding]:
        """Findings of these levels."""
        return [found for found in self.checks if found.level in levels]

    def from_level(self, least: Severity) -> "ProbeResult":
        """The same with the findings of a level and above alone."""
        found = [one for one in self.checks if SEVERITIES.index(one.level) >= SEVERITIES.index(least)]
        return msgspec.structs.replace(self, checks=found)

    def code(self) -> ExitCode:
        """The exit code: 3 where the target cannot be reached, 4 for any other error."""
        failed = {found.id for found in self.at("error")}
        if "reachable" in failed:
            return ExitCode.UNREACHABLE
        return ExitCode.GATE_FAILED if failed else ExitCode.OK


def safe(findings: Sequence[Finding], secrets: Sequence[str]) -> list[Finding]:
    """The findings without what a server could have hidden in them, and without secrets that it repeats."""
    forms = {form for secret in secrets for form in forms_of(secret)}
    hidden = sorted(forms, key=len, reverse=True)
    return [
        msgspec.structs.replace(
            found,
            seen=_starred(one_line(found.seen), hidden),
            means=one_line(found.means),
            do=one_line(found.do),
        )
        for found in findings
    ]


def _starred(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    for secret in secrets:
        text = _without_begin(text, secret)
    return text


def _without_begin(text: str, secret: str) -> str:
    """The text without the begin of a secret whose rest was cut off: what is long was shortened before."""
    at = text.find(_CUT)
    while at >= 0:
        lengths = range(min(len(secret), at), SHORTEST - 1, -1)
        if length := next((one for one in lengths if text.endswith(secret[:one], 0, at)), 0):
            text = f"{text[: at - length]}***{text[at:]}"
            at += 3 - length
        at = text.find(_CUT, at + 1)
    return text
