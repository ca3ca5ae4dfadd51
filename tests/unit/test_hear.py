"""``hear`` takes events in the connections' thread, and leaves no server waiting."""

import json
import subprocess
import sys

#: In a process of its own: Locust patches ssl, which is to be imported by nobody before.
CODE = """
import json
from types import SimpleNamespace
from siotool.swarm.user import SocketIOUser

def heard(function):
    replies, raised = [], []
    pool = SimpleNamespace(parser=SimpleNamespace(encode=list))
    loop = SimpleNamespace(pool=pool, to_hub=lambda _function, error: raised.append(type(error).__name__))
    engine = SimpleNamespace(loop=loop)
    user = SimpleNamespace(_handlers={}, _main_namespace="/", _engine=engine, _report_error=None)
    SocketIOUser.hear(user, "news", function)
    user._handlers["/", "news"](["x"], replies.append)
    user._handlers["/", "news"](["x"], None)
    return replies, raised

class Outcome(BaseException):
    pass

def end(error):
    raise error

def passes(error):
    try:
        heard(lambda text: end(error))
    except type(error):
        return True

print(json.dumps([
    heard(lambda text: None), heard(lambda text: 1 / 0), heard(lambda text: end(Outcome())),
    passes(KeyboardInterrupt()),
]))
"""


def test_an_event_that_waits_for_an_acknowledgement_gets_an_empty_one_also_where_the_scenario_raises() -> (
    None
):
    """A server that resends what is not acknowledged delivered everything twice."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        [[[]], []],
        [[[]], ["ZeroDivisionError"] * 2],
        [[[]], ["Outcome"] * 2],
        True,
    ]
