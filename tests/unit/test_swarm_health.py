import subprocess
import sys

HEALTH_WITHOUT_FILES = """
import os, resource
from siotool.swarm.health import Health
from siotool.histogram import Sparse
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
health = Health(3)
health.start(1.0)
before = health.sample(2.0, 0.0, 0.0, Sparse())
taken = []
try:
    while True:
        taken.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
for second in range(3, 9):
    after = health.sample(float(second), 0.0, 0.0, Sparse())
assert 0 < before.files_open < 64, before
assert (after.files_open, after.files_limit) == (64, 64), after
assert after.rss_bytes > 1_000_000, after
assert after.cpu_allowed > 0, after
"""


def test_health_is_told_when_no_file_is_left_to_open():
    """Trap: psutil opens a file for each figure, so that the reports ended when files did."""
    done = subprocess.run(
        [sys.executable, "-c", HEALTH_WITHOUT_FILES], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
