"""A recorder whose lines are kept in memory."""

from pathlib import Path
from typing import Any

import pytest

from siotool.swarm.live import Display
from siotool.swarm.recorder import Recorder
from siotool.swarm.redaction import Redaction
from siotool.swarm.servers.server_samples import ServerSamples
from siotool.swarm.servers.server_watch import ServerWatch


class WrittenLines:
    """A writer that keeps what it is given."""

    path = Path("run.jsonl")

    def __init__(self) -> None:
        self.lines: list[Any] = []

    def write(self, line: Any) -> None:
        self.lines.append(line)


def recorder_into(lines: WrittenLines) -> Recorder:
    """A recorder of one worker and no server, which writes into ``lines``; a bug fails the test."""
    watch = ServerWatch(None)
    return Recorder(1, lines, Display(None), ServerSamples([]), watch, pytest.fail, Redaction())  # type: ignore[arg-type]
