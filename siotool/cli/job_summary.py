"""The summary of a job, and the comment on a pull request: Markdown where a CI system shows it."""

import hashlib
import os
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from siotool.document.document import Document
from siotool.errors import InputError, OutputError

#: Where GitHub Actions takes the summary of a step.
VARIABLE = "GITHUB_STEP_SUMMARY"
#: By this line the comment of an earlier run is found, and replaced.
MARKER = "<!-- siotool -->"

Summary = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Append the report as Markdown to this file, once for each run.",
        show_default=f"${VARIABLE}, where it is set",
        rich_help_panel="Output",
    ),
]
NoSummary = Annotated[
    bool, typer.Option("--no-summary", help=f"Write nothing to ${VARIABLE}.", rich_help_panel="Output")
]
Comment = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Write the report as Markdown that fits a comment (64 KB).",
        rich_help_panel="Output",
    ),
]


class Summaries(msgspec.Struct, frozen=True):
    """Where Markdown goes beside the report; None for nowhere."""

    summary: Path | None = None
    comment: Path | None = None

    def write(self, document: Document) -> None:
        """Append the summary and write the comment. Raises OutputError."""
        from siotool.cli import output
        from siotool.document import brief

        if self.summary is not None:
            _append(document, self.summary)
        if self.comment is not None:
            text = brief.within(document, brief.COMMENT_BYTES - len(MARKER) - 1)
            output.write(f"{MARKER}\n{text}", str(self.comment))


def read_summaries(summary: Path | None, *, no_summary: bool, comment: Path | None) -> Summaries:
    """Return where Markdown goes, by options and by the variable of the platform.

    Raises InputError for stdout, which has the report itself.
    """
    for option, place in (("--summary", summary), ("--comment", comment)):
        if str(place) == "-":
            raise InputError(f"{option} -: stdout has the report", f"name a file, or leave {option} out")
    named = os.environ.get(VARIABLE, "")
    if summary is None and named and not no_summary:
        summary = Path(named)
    return Summaries(summary=summary, comment=comment)


def _append(document: Document, path: Path) -> None:
    """Append a document, unless the file has it already; within what the platform takes of one file."""
    from siotool.document import brief

    try:
        before = path.read_bytes() if path.is_file() else b""
        whole = brief.within(document, brief.SUMMARY_BYTES)
        mark = f"<!-- siotool {hashlib.sha256(whole.encode()).hexdigest()[:16]} -->\n"
        if mark.encode() in before:
            return
        room = brief.SUMMARY_BYTES - len(before) - len(mark) - 2
        if text := brief.within(document, room):
            between = "\n" if before and not before.endswith(b"\n\n") else ""
            with path.open("a", encoding="utf-8") as file:
                file.write(f"{between}{mark}{text}")
    except OSError as error:
        raise OutputError(
            f"cannot write the summary {path}: {error.strerror}", "name another file with --summary FILE"
        ) from error
