"""What of Locust's own log is worth showing."""

import logging
from types import SimpleNamespace

import pytest

from siotool.swarm import locust_log

FAST = "Your selected spawn rate is very high (>100/worker), and this is known to sometimes cause issues. %s"
STOPPING = "While stopping users, we encountered a user that didn't have proper args %s"


@pytest.mark.parametrize(
    ("message", "dead", "shown"),
    [
        pytest.param(STOPPING, True, False, id="a user that ended while others were stopped is no error"),
        pytest.param(STOPPING, False, True, id="one that still runs is"),
        pytest.param("Spawn rate %s", True, True, id="another message"),
        pytest.param(FAST, False, False, id="many users a second: the run is doubted where that is too fast"),
    ],
)
def test_an_error_that_is_none_is_not_shown(message: str, dead: bool, shown: bool) -> None:
    user = SimpleNamespace(dead=dead)
    record = logging.LogRecord("locust.runners", logging.ERROR, "", 1, message, (user,), None)
    assert locust_log.is_wrong(record) is shown


def test_messages_without_arguments_are_shown() -> None:
    record = logging.LogRecord("locust.runners", logging.ERROR, "", 1, STOPPING, None, None)
    assert locust_log.is_wrong(record)


@pytest.mark.parametrize(
    ("error", "shown"), [(KeyboardInterrupt(), False), (ValueError("x"), True), (None, True)], ids=repr
)
def test_a_ctrl_c_in_one_of_locusts_greenlets_is_not_printed(
    error: BaseException | None, shown: bool
) -> None:
    """It ended the run in order, below a traceback."""
    raised = None if error is None else (type(error), error, None)
    text = "Unhandled exception in greenlet: %s"
    record = logging.LogRecord("locust.runners", logging.CRITICAL, "", 1, text, ("<Greenlet>",), raised)
    assert locust_log.is_no_interrupt(record) is shown
