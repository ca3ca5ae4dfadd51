"""Bugs of siotool: each is reported once, and the measurement goes on."""

import asyncio
import sys
import traceback
from typing import Any

from siotool.client.failures import foreseen
from siotool.swarm.metrics import Metrics

#: Kinds that are printed with their traceback; 20 tracebacks are at most about 100 kB.
_MOST_PRINTED = 20


class Bugs:
    """Exceptions in the loop thread that neither a server nor a scenario caused."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._printed: set[str] = set()

    def report(self, error: Exception) -> None:
        """Print the first of its kind with its traceback, and add a doubt to the run."""
        where = traceback.extract_tb(error.__traceback__)
        kind = f"{type(error).__name__} at {where[-1].name}:{where[-1].lineno}" if where else repr(error)
        if kind not in self._printed and len(self._printed) < _MOST_PRINTED:
            self._printed.add(kind)
            traceback.print_exception(error, file=sys.stderr)
        self._metrics.remark("internal_error", f"internal_error: {kind}: {error}", "doubt")

    def of_loop(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Take an exception that asyncio gives to no task; failures of connections are counted elsewhere."""
        error = context.get("exception")
        if isinstance(error, Exception) and not foreseen(error, context):
            self.report(error)
