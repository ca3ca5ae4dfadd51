"""Ctrl-C, which Python raises in whichever greenlet runs, and a KeyboardInterrupt of a scenario's own."""

import pytest

from siotool.target.process import TargetProcess
from tests.unit.living import told

PRESSED = """
import signal

signal.signal(signal.SIGINT, signal.{handler})

class Pressed(Member):
    @task
    def act(self):
        raise KeyboardInterrupt("in a turn")

user = start(Pressed, world())
try:
    user._greenlet.join(20)
    ended = "the user"
except KeyboardInterrupt:
    ended = "Locust"
tell(ended, raised)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("handler", "ended", "raised"),
    [("default_int_handler", "Locust", []), ("SIG_IGN", "the user", ["in a turn"])],
)
def test_ctrl_c_ends_plain_locust_wherever_it_comes(handler: str, ended: str, raised: list[str]) -> None:
    """Where a user had its turn at that moment it alone ended, and the load went on.

    siotool's own workers ignore the signal: there it is what the scenario raises.
    """
    with TargetProcess() as target:
        assert told(PRESSED.replace("{handler}", handler), target.url) == [ended, raised]
