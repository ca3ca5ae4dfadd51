"""What Locust would print of exceptions in a scenario, told to us instead: it prints each of them.

Locust tells of those in tasks by an event, and prints their tracebacks as well. Those in event
hooks and in ``on_stop`` of task sets it only prints.
"""

import logging
import sys
from collections.abc import Callable

#: How the messages of Locust begin for which there is no event.
_UNTOLD = "Uncaught exception in"
#: Loggers that print what an event has told.
_TOLD = ("locust.user.task", "locust.user.users")


def take_over(tell: Callable[[BaseException], None]) -> None:
    """Call ``tell`` with each exception that Locust only prints, and print none."""
    for name in _TOLD:
        logging.getLogger(name).disabled = True

    def untold(record: logging.LogRecord) -> bool:
        error = sys.exc_info()[1]
        if error is None or not str(record.msg).startswith(_UNTOLD):
            return True
        tell(error)
        return False

    logging.getLogger().addFilter(untold)
