"""The official client, of the version that is asked for."""

import json
import subprocess
from typing import Any

from tests.integration.servers.node import Version, node
from tests.integration.servers.process import PROGRAMS, as_options

#: What talk.mjs prints when all went well.
WELL = {
    "connected": True,
    "transport": "websocket",
    "echo": [1, {"two": [2]}],
    "bytes": "07ff",
    "heard": [{"text": "hi"}, "psst", "you"],
    "answered": "I am it",
}


def official(version: Version, url: str, **options: Any) -> dict[str, Any]:
    """Let the official client of a version use the vocabulary; returns the line of talk.mjs."""
    command = [node(), PROGRAMS / "talk.mjs", version, url, as_options(options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    line: dict[str, Any] = json.loads(done.stdout)
    return line
