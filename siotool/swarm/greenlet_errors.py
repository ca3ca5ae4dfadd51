"""What ends a greenlet that a scenario has started itself: gevent only prints it."""

from collections.abc import Callable
from types import TracebackType
from typing import Any

from gevent import Greenlet, GreenletExit
from locust.exception import StopUser

from siotool.swarm.scenario_results import is_of_scenario


def take_over_errors(hub: Any, report: Callable[[BaseException], None]) -> None:
    """Call ``report`` with what code of a scenario raises in a greenlet of its own; the rest goes to gevent.

    Not where somebody waits for the greenlet, who may catch it. Nothing is said of a user that has left
    meanwhile, and no ``sys.exit`` ends the process.
    """
    handle: Callable[..., None] = hub.handle_error

    def handle_error(
        context: object, kind: type[BaseException], value: BaseException, traceback: TracebackType | None
    ) -> None:
        waited_for = isinstance(context, Greenlet) and context.has_links()
        if waited_for or not is_of_scenario(traceback):
            handle(context, kind, value, traceback)
        elif not isinstance(value, GreenletExit | StopUser):
            report(value.with_traceback(traceback))

    hub.handle_error = handle_error
