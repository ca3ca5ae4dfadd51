"""What the code of a scenario may raise: all of it is counted, but for what ends a greenlet, and Ctrl-C.

Also what is no ``Exception``, such as gevent.Timeout, the outcomes of pytest, or what ``sys.exit`` raises:
in a greenlet it would end the generator.
"""

from greenlet import GreenletExit  # type: ignore[import-untyped]  # gevent.GreenletExit, without loading gevent

#: Ends a greenlet, or is Ctrl-C, and is nobody's failure: let it pass, then take every BaseException.
ENDINGS: tuple[type[BaseException], ...] = (GreenletExit, KeyboardInterrupt)
