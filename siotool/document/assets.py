"""The files of this package that are no code: the page's template, style sheet and script."""

from importlib.resources import files


def asset(name: str) -> str:
    """Return the text of one."""
    return files("siotool.document").joinpath(name).read_text(encoding="utf-8")
