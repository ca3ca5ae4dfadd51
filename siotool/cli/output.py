"""Writes a command's result: to stdout, or to a file, whole or not at all."""

import contextlib
import io
import os
import sys
from pathlib import Path

import msgspec
from rich.console import Console, RenderableType

from siotool.cli.places import is_stdout
from siotool.document import markdown, text
from siotool.document.contract import to_json
from siotool.document.document import Document
from siotool.errors import OutputError
from siotool.terminal import Printable

#: Columns of a result outside a terminal, and the most in one.
WIDTH, WIDEST = 80, 100


def printed(document: Document, form: str, where: str, record: msgspec.Struct, digits: int = 17) -> str:
    """Return a document as ``text`` for ``where``, as ``md`` or as ``html``; as ``json`` its ``record``.

    ``digits``: significant ones of the record's figures.
    """
    if form == "json":
        return to_json(record, digits)
    if form == "html":
        from siotool.document import html  # with templates, which no other form needs

        return html.render(document)
    return markdown.render(document) if form == "md" else styled(text.render(document), where)


def styled(renderable: RenderableType, where: str) -> str:
    """Render for ``where``: a terminal gets its width and its colours, anything else plain 80 columns.

    ``COLUMNS`` sets the width of a pipe; a file never depends on it.
    """
    if where == "-" and sys.stdout.isatty():
        console = Console(file=io.StringIO(), force_terminal=True, highlight=False)
        console.width = min(console.width, WIDEST)
    else:
        asked = os.environ.get("COLUMNS", "") if where == "-" else ""
        width = min(int(asked), WIDEST) if asked.isdecimal() and int(asked) else WIDTH
        console = Console(file=io.StringIO(), width=width, color_system=None, highlight=False)
    with console.capture() as capture:
        console.print(Printable(renderable))
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def write(written: str | bytes, where: str) -> None:
    """Write ``written`` to stdout (``-``) or to a file, which is replaced only once all of it is written.

    Text is UTF-8 in a file. Raises OutputError saying why it cannot be written.
    """
    if where == "-" or is_stdout(where):
        if isinstance(written, str):
            sys.stdout.write(written)
        else:
            sys.stdout.buffer.write(written)
        sys.stdout.flush()
        return
    try:
        path = Path(where)
        special = path.exists() and not path.is_file()  # as /dev/stderr, which resolves to no path
        # Path.resolve raises before Python 3.13 where links lead in a circle
        real = path if special else Path(os.path.realpath(path))
        _replace(real, written.encode() if isinstance(written, str) else written)
    except OSError as error:
        raise OutputError(
            f"cannot write {where}: {error.strerror}", "choose another place with -o, or - for stdout"
        ) from error


def _replace(path: Path, content: bytes) -> None:
    if path.exists() and not path.is_file():
        path.write_bytes(content)  # a device or a pipe: nothing to replace
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("xb") as file:
            file.write(content)
        if path.exists():
            draft.chmod(path.stat().st_mode)
        draft.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
