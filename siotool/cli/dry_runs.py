"""``siotool loadtest --dry-run``: what one client says and hears, and what became of its operations."""

import sys
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from siotool.cli.output import styled
from siotool.cli.streams import complain
from siotool.errors import ExitCode
from siotool.histogram import merged
from siotool.runfile import Operation
from siotool.swarm import dry_run
from siotool.swarm.config import RunConfig
from siotool.units import format_duration


def run(config: RunConfig, scenario: Any) -> ExitCode:
    """Print the packets and then the operations; returns OK, or GATE_FAILED when one failed."""

    def show(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    seen = dry_run.look(config, scenario, show)
    sys.stdout.write(styled(_summary(seen), "-"))
    sys.stdout.flush()
    if not seen.wrong:
        return ExitCode.OK
    complain(f"exit {ExitCode.GATE_FAILED:d}: {_why(seen)}")
    return ExitCode.GATE_FAILED


def _why(seen: dry_run.DryRun) -> str:
    """What went wrong first: an exception, or an operation."""
    for one in seen.exceptions:
        return f"{one.kind}: {one.message} ({one.where})"
    for found in seen.operations:
        if found.errors:
            return f"{found.op} {found.name} failed: {_errors(found)}"
    return f"a connect failed: {', '.join(seen.failed)}"


def _summary(seen: dry_run.DryRun) -> Group:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("operation")
    for name in ("count", "errors", "longest"):
        table.add_column(name, justify="right")
    for found in seen.operations:
        table.add_row(Text(f"{found.op} {found.name}"), f"{found.count:,}", _errors(found), _longest(found))
    parts: list[Any] = [Text(), table]
    parts += [Text(f"{one.kind}: {one.message} ({one.where})") for one in seen.exceptions]
    return Group(*parts)


def _errors(found: Operation) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in found.errors.items()) or "0"


def _longest(found: Operation) -> str:
    times = merged((found.response, found.given_up))
    return format_duration(times.max_s) if times.count else "–"
