"""An ``async def`` for a handler is refused where it is given, by its name; Locust patches its process."""

import subprocess
import sys

import pytest

_SCRIPT = """
from siotool.errors import ScenarioError
from siotool.swarm.user import SocketIOUser

async def heard_news(*arguments): ...

try:
    SocketIOUser.{method}(None, "news", heard_news)
except ScenarioError as error:
    print(error.message, error.hint, sep="; ")
"""


@pytest.mark.parametrize("method", ["on", "hear"])
def test_an_async_handler_is_refused_by_its_name(method: str) -> None:
    """Trap: its coroutine was never awaited; only where an acknowledgement was asked for something failed."""
    script = _SCRIPT.format(method=method)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    said = "the handler heard_news is an async def; write it with def: users run in gevent\n"
    assert done.stdout == said, done.stderr
