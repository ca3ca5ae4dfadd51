"""What the code of a scenario may raise: all of it is counted, but for what ends a greenlet or the process.

Also what is no ``Exception``, such as gevent.Timeout or the outcomes of pytest.
"""

from greenlet import GreenletExit  # type: ignore[import-untyped]  # gevent.GreenletExit, without loading gevent

#: Ends a greenlet or the process, and is nobody's failure: let it pass, then take every BaseException.
ENDINGS: tuple[type[BaseException], ...] = (GreenletExit, KeyboardInterrupt, SystemExit)
