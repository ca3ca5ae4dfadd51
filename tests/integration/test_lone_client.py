"""``siotool.client`` without Locust: a probe, a reference client or a test can use it."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from siotool.target.process import TargetProcess

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("lone_client.py")


@pytest.fixture(params=["embedded", pytest.param("node", marks=pytest.mark.node)])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "node":
        start: Callable[..., Any] = request.getfixturevalue("node_server")
        yield start().url
    else:
        with TargetProcess().start() as process:
            yield process.url


def talk(url: str, namespace: str) -> dict[str, Any]:
    found = subprocess.run(
        [sys.executable, "-W", "error", SCRIPT, url, namespace], capture_output=True, text=True, check=False
    )
    assert found.stderr == ""
    said: dict[str, Any] = json.loads(found.stdout)
    return said


def test_it_joins_calls_hears_and_leaves_under_plain_asyncio(url: str) -> None:
    found = talk(url, "/")
    assert found["answers"] == [[0, "é"], [1, "é"], [2, "é"]]
    assert found["heard"] == [
        ["namespace", "/"],
        ["joined", False],
        ["event", "/", "chat message", ["hello"]],
        ["ended", "client"],
    ]
    assert found["unanswered"] == "unanswered"
    assert found["open"] == 0
    assert found["more_on_the_wire"] == [True, True]
    assert found["loaded"] == []


def test_it_says_why_it_was_not_let_in(url: str) -> None:
    found = talk(url, "/nowhere")
    [(what, kind, text)] = found.pop("heard")
    assert (what, kind) == ("remark", "connect_error")
    assert text.startswith("connect_error: /nowhere answered ")
    assert found == {"failure": "connect_error", "open": 0, "loaded": []}
