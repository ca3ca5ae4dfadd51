"""Commands that make much look for no garbage: neither meanwhile, nor when the process ends."""

import subprocess
import sys

_PROGRAM = """
import atexit, gc
atexit.register(lambda: print(gc.get_freeze_count() > 1000))  # runs after what is registered later
from siotool.cli.uncollected import uncollected
with uncollected():
    print(gc.isenabled())
print(gc.isenabled())
"""


def test_no_garbage_is_looked_for_meanwhile_and_at_the_end_of_the_process():
    """Python looked through all that a report of an hour had made, at its end."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["False", "True", "True"]
