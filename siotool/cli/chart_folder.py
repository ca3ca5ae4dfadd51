"""``--charts DIR``: a document's charts as files, SVG and PNG."""

import os
from pathlib import Path
from typing import Annotated

import typer

from siotool.document.document import Document
from siotool.errors import OutputError

Charts = Annotated[
    str | None,
    typer.Option(
        "--charts", metavar="DIR", help="Also write each chart into this folder, as SVG and as PNG."
    ),
]


def prepare(folder: str | None) -> None:
    """Make the folder, if one is named; raises OutputError saying why nothing can be written there."""
    if folder is None:
        return
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        draft = path / f".siotool.{os.getpid()}"
        draft.touch()
        draft.unlink()
    except OSError as error:
        raise OutputError(
            f"--charts {folder}: nothing can be written there: {error.strerror}", "name another folder"
        ) from error


def write(document: Document, folder: str | None) -> None:
    """Write the charts of a document, if a folder is named. A file of the same name is replaced."""
    if folder is None:
        return
    from siotool.document.chart_files import chart_files  # only when there is something to draw

    for file in chart_files(document):
        try:
            Path(folder, file.name).write_bytes(file.content)
        except OSError as error:
            raise OutputError(
                f"cannot write {file.name} in {folder}: {error.strerror}", "name another folder"
            ) from error
