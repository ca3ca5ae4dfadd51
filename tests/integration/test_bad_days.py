"""Bad days of real life, ready made: each is found, and named with its cause."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import Finished
from tests.integration.labs import EXAMPLES
from tests.integration.test_lab_up import up

pytestmark = pytest.mark.slow

BAD_DAYS = EXAMPLES / "bad-days"
#: What the report of each says.
SAID = {
    "lost-table": (
        r"sessions that had worked were not known any more \(session_unknown\).*"
        "right after 'reload balancer'"
    ),
    "short-timeout": (
        r"connections were dropped after a median of [45][\d.]* s of silence: an idle timeout below the"
    ),
    "full-queue": r"TCP connects .* took whole seconds.*accept queue of the target was full",
    "undrained-deploy": r"fault 1 \(rolling deploy pause 2s\) closed \d+ connections undrained",
}


def command_of(name: str) -> list[str]:
    """The load test that the file says to run."""
    text = (BAD_DAYS / f"{name}.toml").read_text()
    joined = text.replace("\\\n#", "")
    (found,) = re.findall(r"^#\s+siotool loadtest (lab:.*)$", joined, re.MULTILINE)
    return found.split()


@pytest.mark.parametrize("name", SAID)
def test_the_report_names_the_cause(name: str, lab_programs: None, loadtest: Callable[..., Finished]) -> None:
    target, *options = command_of(name)
    done = loadtest(f"lab:{BAD_DAYS / Path(target).name}", *options)
    assert done.code in (0, 4, 5), done.stderr
    assert [remark for remark in done.report["remarks"] if re.search(SAID[name], remark)], done.report[
        "remarks"
    ]


def test_a_probe_sees_the_server_that_is_behind(lab_programs: None, tmp_path: Path) -> None:
    with up(tmp_path, str(BAD_DAYS / "one-behind.toml")) as one:
        probed = subprocess.run(
            [sys.executable, "-m", "siotool", "probe", one.url, "--format", "json"],
            capture_output=True,
            text=True,
            check=False,
        )
        (found,) = [check for check in json.loads(probed.stdout)["checks"] if check["id"] == "backends"]
    assert (found["level"], found["means"].partition(":")[0]) == (
        "error",
        "servers of different major versions of Socket.IO answer for one address",
    )


def test_every_bad_day_is_documented() -> None:
    files = {path.name for path in BAD_DAYS.iterdir()}
    page = (EXAMPLES.parent / "docs/faults.md").read_text()
    assert files == set(re.findall(r"^\| `([\w-]+\.toml)`", page, re.MULTILINE))
