"""What of Locust's own log is shown. Imports no Locust, which would patch the whole process."""

import logging
import sys
from collections.abc import Callable

#: How messages of Locust begin that have no event.
_WITHOUT_EVENT = "Uncaught exception in"
#: How Locust's error begins when it stops users of which one has just ended by itself: nothing is wrong then.
_ENDED_MEANWHILE = "While stopping users, we encountered a user that didn't have proper args"
#: How Locust's warning begins of a pace that our clients keep; the run is doubted where they do not.
_FAST = "Your selected spawn rate is very high"
#: Loggers that print what an event has reported.
_WITH_EVENT = ("locust.user.task", "locust.user.users")


def take_over_log(report: Callable[[BaseException], None]) -> None:
    """Call ``report`` with each exception in a scenario that Locust only prints, and print none.

    Locust reports those in tasks by an event, and prints their tracebacks as well. Those in event
    hooks and in ``on_stop`` of task sets it only prints.
    """
    for name in _WITH_EVENT:
        logging.getLogger(name).disabled = True

    def is_printed(record: logging.LogRecord) -> bool:
        error = sys.exc_info()[1]
        if error is None or not str(record.msg).startswith(_WITHOUT_EVENT):
            return True
        report(error)
        return False

    logging.getLogger().addFilter(is_printed)
    logging.getLogger("locust.runners").addFilter(is_wrong)


def is_wrong(record: logging.LogRecord) -> bool:
    """Whether a message of Locust's runner says that something is wrong.

    Not that a user has ended, nor that many are to start.
    """
    users = record.args if isinstance(record.args, tuple) else ()
    ended = bool(users) and all(getattr(one, "dead", False) for one in users)
    text = str(record.msg)
    return not ((ended and text.startswith(_ENDED_MEANWHILE)) or text.startswith(_FAST))


def is_no_interrupt(record: logging.LogRecord) -> bool:
    """Whether a message is no traceback of a Ctrl-C that fell into one of Locust's greenlets."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or not issubclass(kind, KeyboardInterrupt)
