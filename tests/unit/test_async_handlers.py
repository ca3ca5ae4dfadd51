"""An ``async def`` for a handler is refused where it is given, by its name; Locust patches its process."""

import subprocess
import sys

import pytest

_SCRIPT = """
from siotool.errors import ScenarioError
from siotool.swarm.user import SocketIOUser

async def heard_news(*arguments): ...
async def some_news(*arguments): yield

class Listener:
    async def __call__(self, *arguments): ...
    def __repr__(self): return "Listener"

try:
    SocketIOUser.{method}(None, "news", {handler})
except ScenarioError as error:
    print(error.message, error.hint, sep="; ")
"""


@pytest.mark.parametrize("method", ["on", "hear"])
@pytest.mark.parametrize(
    ("handler", "name"),
    [("heard_news", "heard_news"), ("some_news", "some_news"), ("Listener()", "Listener")],
)
def test_an_async_handler_is_refused_by_its_name(method: str, handler: str, name: str) -> None:
    """Trap: its coroutine was never awaited; only where an acknowledgement was asked for something failed."""
    script = _SCRIPT.format(method=method, handler=handler)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    said = f"the handler {name} is an async def; write it with def: users run in gevent\n"
    assert done.stdout == said, done.stderr
