"""Control groups of both versions, as files that a test writes, and a real one."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from siotool.errors import InputError
from siotool.swarm.servers.control_group import PROCESSES, ROOT, ControlGroup
from siotool.swarm.servers.opened_servers import check_apart
from siotool.swarm.servers.source import SourceGone


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def version_2(tmp_path: Path) -> Path:
    """A group ``web`` with a child; three processes, of which two have open files that may be counted."""
    web = tmp_path / "web"
    write(
        web,
        cpu_dot_stat="usage_usec 2500000\nuser_usec 2000000\n",
        memory_dot_stat="anon 50000000\nfile 900000000\n",
        memory_dot_max="268435456\n",
        cgroup_dot_procs="71\n0\n",
        child__cgroup_dot_procs="72\n",
    )
    for pid in ("71", "72"):
        for number in range(3):
            write(tmp_path / "proc", **{f"{pid}__fd__{number}": ""})
    return tmp_path


@pytest.fixture
def version_1(tmp_path: Path) -> Path:
    write(
        tmp_path,
        cpuacct__web__cpuacct_dot_usage="2500000000\n",
        memory__web__memory_dot_stat="rss 40000000\ntotal_rss 50000000\n",
        memory__web__memory_dot_limit_in_bytes="9223372036854771712\n",
        pids__web__cgroup_dot_procs="71\n72\n",
    )
    return tmp_path


def test_version_2_has_all_in_one_folder(version_2: Path) -> None:
    group = ControlGroup("/web", version_2, version_2 / "proc")
    reading = group.read(lambda: 5.0)
    assert (reading.at, reading.counters) == (5.0, {"cpu_s": 2.5})
    assert reading.gauges == {"rss_bytes": 50e6, "processes": 2.0, "files_open": 6.0, "files_most": 3.0}
    assert group.members == {71, 72}
    assert group.memory_limit == 268435456
    assert group.what == "control group /web"


def test_version_1_has_a_folder_for_each_controller(version_1: Path) -> None:
    group = ControlGroup("web", version_1, version_1 / "proc")
    reading = group.read(lambda: 5.0)
    assert reading.counters == {"cpu_s": 2.5}
    assert reading.gauges == {"rss_bytes": 50e6, "processes": 2.0, "files_open": 0.0, "files_most": 0.0}
    assert group.memory_limit is None, "none is written as a very large number"


@pytest.mark.parametrize(
    ("groups", "fixture"),
    [
        pytest.param("0::/web\n", "version_2", id="version 2"),
        pytest.param("3:pids:/web\n2:cpu,cpuacct:/web\n1:memory:/web\n0::/\n", "version_1", id="version 1"),
    ],
)
def test_a_process_names_its_group(groups: str, fixture: str, request: pytest.FixtureRequest) -> None:
    root = request.getfixturevalue(fixture)
    write(root / "proc", **{"71__cgroup": groups})
    group = ControlGroup("71", root, root / "proc")
    assert group.read(lambda: 0.0).counters == {"cpu_s": 2.5}
    assert group.what == "control group of process 71"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        pytest.param("/other", "no control group /other", id="a path that is not there"),
        pytest.param("99", "no process has the id 99", id="a process that is not there"),
    ],
)
def test_what_is_no_group_is_refused(version_2: Path, asked: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        ControlGroup(asked, version_2, version_2 / "proc")


@pytest.mark.parametrize(
    ("groups", "fixture", "files"),
    [
        pytest.param(
            "0::/\n",
            "version_2",
            {"cpu_dot_stat": "usage_usec 9\n", "cgroup_dot_procs": "1\n"},
            id="version 2",
        ),
        pytest.param(
            "2:cpu,cpuacct:/\n0::/\n", "version_1", {"cpuacct__cpuacct_dot_usage": "9\n"}, id="version 1"
        ),
    ],
)
def test_a_process_without_a_group_of_its_own_is_not_taken_for_the_whole_machine(
    groups: str, fixture: str, files: dict[str, str], request: pytest.FixtureRequest
) -> None:
    """Its group is the root: the generator's CPU was the server's, too."""
    root = request.getfixturevalue(fixture)
    write(root, **files)
    write(root / "proc", **{"71__cgroup": groups})
    with pytest.raises(InputError, match="root control group"):
        ControlGroup("71", root, root / "proc")


def test_a_group_that_holds_siotool_itself_is_no_server(version_2: Path) -> None:
    (version_2 / "web/child/cgroup.procs").write_text(f"72\n{os.getpid()}\n")
    group = ControlGroup("/web", version_2, version_2 / "proc")
    with pytest.raises(InputError, match="siotool itself is in control group /web"):
        check_apart(group.what, group.members)
    check_apart(group.what, group.members - {os.getpid()})


def test_a_group_that_ends_is_said(version_2: Path) -> None:
    group = ControlGroup("/web", version_2, version_2 / "proc")
    (version_2 / "web/cpu.stat").unlink()
    with pytest.raises(SourceGone, match="control group /web is gone"):
        group.read(lambda: 0.0)


def test_figures_that_may_not_be_read_are_left_out(version_2: Path) -> None:
    (version_2 / "web/memory.stat").write_text("nothing of it\n")
    group = ControlGroup("/web", version_2, version_2 / "proc")
    assert "rss_bytes" not in group.read(lambda: 0.0).gauges


_BURN = """
import sys, time
print(end="ready\\n", flush=True)
sys.stdin.readline()
end = time.process_time() + 0.2
while time.process_time() < end: pass
print("done", flush=True)
sys.stdin.readline()
"""


def test_a_real_group_counts_what_its_processes_use() -> None:
    """Made under the kernel's own folder, where this machine lets us."""
    name = f"siotool-test-{os.getpid()}"
    controllers = ["cpuacct", "memory", "pids"] if (ROOT / "cpuacct").is_dir() else [""]
    folders = [ROOT / controller / name for controller in controllers]
    try:
        for folder in folders:
            folder.mkdir()
    except OSError as error:
        for folder in folders:
            with suppress(OSError):
                folder.rmdir()
        pytest.xfail(f"no control group can be made here: {error}")
    with subprocess.Popen(
        [sys.executable, "-c", _BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            for folder in folders:
                (folder / "cgroup.procs").write_text(str(process.pid))
            group = ControlGroup(f"/{name}", ROOT, PROCESSES)
            before = group.read(lambda: 0.0)
            assert group.members == {process.pid}
            assert before.gauges["processes"] == 1
            assert before.gauges["files_open"] >= 3
            process.stdin.write("burn\n")
            process.stdin.flush()
            assert process.stdout.readline() == "done\n"
            after = group.read(lambda: 1.0)
            assert after.counters["cpu_s"] - before.counters["cpu_s"] == pytest.approx(0.2, abs=0.1)
            assert after.gauges["rss_bytes"] >= 0  # of the memory that it took since it is in the group
        finally:
            process.stdin.close()
            process.wait(10)
            for folder in folders:
                folder.rmdir()
