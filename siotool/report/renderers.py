"""Every form a report can take: ``RENDERERS[format](report)`` is its text."""

from collections.abc import Callable

import msgspec

from siotool.report import markdown, text
from siotool.report.contents import Report


def _html(report: Report) -> str:
    # altair takes 0.6 s to import: only when asked for
    from siotool.report.html.page import render  # noqa: PLC0415

    return render(report)


def to_json(report: Report) -> str:
    """Return the report as JSON, indented, with lists of plain values on one line.

    Figures have ten significant digits: more would be noise of the arithmetic.
    """
    return _indented(msgspec.to_builtins(report), 0) + "\n"


def _indented(value: object, depth: int) -> str:
    inner, outer = "  " * (depth + 1), "  " * depth
    if isinstance(value, dict) and value:
        fields = (f"{inner}{_plain(str(key))}: {_indented(item, depth + 1)}" for key, item in value.items())
        return "{\n" + ",\n".join(fields) + f"\n{outer}}}"
    if isinstance(value, list) and any(isinstance(item, dict | list | tuple | str) for item in value):
        return "[\n" + ",\n".join(f"{inner}{_indented(item, depth + 1)}" for item in value) + f"\n{outer}]"
    return _plain(value)


def _plain(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_plain, value))}]"
    if isinstance(value, float):
        value = float(f"{value:.10g}")
    return msgspec.json.encode(value).decode()


RENDERERS: dict[str, Callable[[Report], str]] = {
    "text": text.plain,
    "json": to_json,
    "md": markdown.render,
    "html": _html,
}
