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

for method in ("on", "hear"):
    for handler in (heard_news, some_news, Listener()):
        try:
            getattr(SocketIOUser, method)(None, "news", handler)
        except ScenarioError as error:
            print(method, getattr(handler, "__name__", handler), error.message, error.hint, sep="; ")
"""


@pytest.fixture(scope="module")
def said() -> list[str]:
    """What each method says of each handler: Locust takes a second to load, once for all."""
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("method", ["on", "hear"])
@pytest.mark.parametrize("name", ["heard_news", "some_news", "Listener"])
def test_an_async_handler_is_refused_by_its_name(said: list[str], method: str, name: str) -> None:
    """Trap: its coroutine was never awaited; only where an acknowledgement was asked for something failed."""
    refused = f"the handler {name} is an async def; write it with def: users run in gevent"
    assert [line for line in said if line.startswith(f"{method}; {name}; ")] == [
        f"{method}; {name}; {refused}"
    ]
