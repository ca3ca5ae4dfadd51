"""What the code of a scenario may raise: all of it is counted, but for what ends a greenlet, and Ctrl-C.

Also what is no ``Exception``, such as gevent.Timeout, the outcomes of pytest, or what ``sys.exit`` raises:
in a greenlet it would end the generator.
"""

import signal

from greenlet import GreenletExit  # type: ignore[import-untyped]  # gevent.GreenletExit, without loading gevent

#: Ends a greenlet, or is Ctrl-C, and is nobody's failure: let it pass, then take every BaseException.
ENDINGS: tuple[type[BaseException], ...] = (GreenletExit, KeyboardInterrupt)


def is_ctrl_c(error: BaseException) -> bool:
    """Whether it is the user's Ctrl-C, as under plain Locust; siotool's workers ignore that of theirs."""
    return isinstance(error, KeyboardInterrupt) and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
