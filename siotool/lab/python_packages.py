"""The PyPI package that servers in Python need to be joined: they run on the Python that runs siotool."""

from importlib.metadata import PackageNotFoundError, version

from siotool.lab.tools import FoundTool

#: As PyPI knows it, and how people tell it from the program.
_REDIS, _SHOWN = "redis", "redis (PyPI)"


def look_for_redis() -> FoundTool:
    """Look for the client of Redis beside siotool, where the servers look for it."""
    try:
        found = version(_REDIS)
    except PackageNotFoundError:
        found = ""
    use = "runtime python with adapter redis"
    return FoundTool(_SHOWN, use, "", found, "" if found else "missing", "pip install 'siotool[lab]'")
