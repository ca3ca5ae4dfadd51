"""Users go offline and come back to a lab that keeps their messages: none is lost, none comes twice.

The servers are also run with a mistake of theirs, so that the figures are seen to be able to be wrong.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Finished
from tests.integration.labs import described

pytestmark = pytest.mark.slow

#: As the scenario has it.
GOLDEN = 0.6180339887498949
USERS = 24
SIZE = 300
#: About half of the users, in each of two conversations, are away from second 2 to 4.
AWAY = sum(number * GOLDEN % 1 < 0.5 for number in range(1, USERS + 1))
BACKLOG = (
    *("--scenario", "backlog", "--set", "rate=2", "--set", "room_size=12", "--set", f"size={SIZE}"),
    *("--set", "leave=2s", "--set", "offline=2s"),
    *("--users", USERS, "--spawn-rate", USERS * 4, "--run-time", "6s"),
)
LABS: dict[str, dict[str, Any]] = {
    "postgres": {"example": "chat-postgres.toml"},
    "couchdb": {"example": "chat-couchdb.toml"},
    # one program carries and keeps
    "both": {"adapter": "postgres", "store": "postgres"},
    "forgetful": {"adapter": "redis", "store": "postgres", "replay": "nothing"},
    "insistent": {"servers": 1, "store": "couchdb", "replay": "everything"},
}
KEPT = {"postgres": "postgres", "couchdb": "couchdb", "both": "postgres"}


@pytest.fixture(scope="module")
def runs(
    lab_programs: None, lasting_start: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Finished]]:
    """A load test of each lab, two at a time."""
    folder = tmp_path_factory.mktemp("labs")

    def load(name: str) -> Finished:
        done: Finished = lasting_start(f"lab:{described(folder, **LABS[name])}", *BACKLOG).finish()
        return done

    with ThreadPoolExecutor(2) as pool:
        yield dict(zip(LABS, pool.map(load, LABS), strict=True))


@pytest.mark.parametrize("name", KEPT)
def test_users_that_come_back_get_what_they_missed_once(name: str, runs: dict[str, Finished]) -> None:
    done = runs[name]
    assert done.code in (0, 5), done.stderr
    backlog, delivery = done.report["backlog"], done.report["delivery"]
    # two seconds of 13 users who are here, of whose messages each reaches half of those who are not
    assert backlog["replayed"] == backlog["due"] > 6 * USERS
    assert (backlog["missed"], backlog["duplicate"]) == (0, 0)
    assert (delivery["lost"], delivery["misdelivered"], delivery["pending"]) == (0, 0, 0)
    assert backlog["users"] == AWAY
    assert 0 < backlog["drain_p50_s"] <= backlog["drain_max_s"]
    [outage] = done.report["outages"]
    assert (outage["lost"], outage["reasons"]) == (AWAY, {"dropped": AWAY})


@pytest.mark.parametrize("name", KEPT)
def test_the_store_says_what_it_keeps_and_its_process_is_sampled(
    name: str, runs: dict[str, Finished]
) -> None:
    report = runs[name].report
    store = report["backlog"]["store"]
    assert store["name"] == KEPT[name]
    # each message is acknowledged once it is kept; what was sent before its first sample is not in the growth
    acknowledged = runs[name].operation("ack", "post")["count"]
    assert acknowledged * 0.5 < store["messages"] <= report["delivery"]["published"]
    assert store["bytes_per_message"] > SIZE, "the text, and what is beside it"
    assert store["written_per_s"] > 0
    [process] = [one for one in report["servers"] if one["name"] == KEPT[name]]
    assert process["beside"]
    assert process["rss_bytes_max"] > 1e6


def test_a_server_that_replays_nothing_is_found_out(runs: dict[str, Finished]) -> None:
    backlog = runs["forgetful"].report["backlog"]
    # what was under way when they came back did come
    assert backlog["missed"] > 0.7 * backlog["due"] > 4 * USERS
    assert backlog["replayed"] == backlog["due"] - backlog["missed"]


def test_a_server_that_ignores_the_offset_is_found_out(runs: dict[str, Finished]) -> None:
    done = runs["insistent"]
    backlog = done.report["backlog"]
    assert backlog["missed"] == 0
    assert backlog["duplicate"] > 2 * USERS, "what had come before they went offline comes again"


def test_the_files_of_a_store_are_the_users_to_read(runs: dict[str, Finished]) -> None:
    folder = Path(runs["postgres"].folder) / "lab"
    assert "fsync" not in (folder / "postgresql.conf").read_text()
    assert (Path(runs["couchdb"].folder) / "lab/couchdb.json").exists()
