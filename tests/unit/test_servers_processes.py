import os
import subprocess
import sys
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from siotool.cli import own_targets
from siotool.client.choices import TlsOptions
from siotool.errors import InputError
from siotool.lab.running_lab import LabMember
from siotool.measured_servers import MeasuredServer
from siotool.swarm.servers import processes
from siotool.swarm.servers.asked_server import AskedServer, AskedServers
from siotool.swarm.servers.opened_servers import check_here, open_servers
from siotool.swarm.servers.processes import Processes, Spent, cpu_between
from siotool.swarm.servers.sampled_server import SampledServer, Sampler
from siotool.swarm.servers.server_samples import ServerSamples
from siotool.swarm.servers.source import SourceGone

#: Each figure of the kernel's is in hundredths of a second, and a fork or two is not free.
TICKS = 0.08

_SERVER = """
import os, signal, sys, time

def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

children, files = [], []
for line in sys.stdin:
    match line.split():
        case ["burn", seconds]:
            burn(float(seconds))
        case ["child"]:
            (read, to_child), (from_child, write) = os.pipe(), os.pipe()
            pid = os.fork()
            if not pid:
                os.close(to_child), os.close(from_child)
                while (asked := os.read(read, 64)):
                    burn(float(asked))
                    os.write(write, b"!")
                os._exit(0)
            os.close(read), os.close(write)
            children.append((pid, to_child, from_child))
        case ["child_burn", seconds]:
            _, to_child, from_child = children[-1]
            os.write(to_child, seconds.encode())
            os.read(from_child, 1)
        case ["child_end"]:
            pid, to_child, from_child = children.pop()
            os.close(to_child)
            os.read(from_child, 1)
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                pass
            os.close(from_child)
        case ["child_zombie"]:
            pid, to_child, from_child = children.pop()
            os.close(to_child)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        case ["brief", seconds]:
            pid = os.fork()
            if not pid:
                burn(float(seconds))
                os._exit(0)
            os.waitpid(pid, 0)
        case ["nobody_waits"]:
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        case ["open", count]:
            files += [open(os.devnull) for _ in range(int(count))]
    print("done", flush=True)
"""


class Server:
    """A process that does as it is told, and is sampled by a clock that a test sets."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.now = 100.0
        self.do("open 0")

    def do(self, *commands):
        for command in commands:
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
            assert self.process.stdout.readline() == "done\n"

    def watch(self):
        self.source = Processes([self.process.pid])
        self.reading = self.source.read(lambda: self.now)
        return self.source

    def sample(self, seconds=1.0):
        """What it used within some seconds."""
        self.now += seconds
        before, self.reading = self.reading, self.source.read(lambda: self.now)
        used = self.reading.counters["cpu_s"] - before.counters["cpu_s"]
        return SimpleNamespace(cpu_cores=used / seconds, **self.reading.gauges)


@pytest.fixture
def server():
    started = Server()
    with started.process:
        yield started
        started.process.stdin.close()


def test_cpu_is_that_of_a_process_and_its_children(server):
    server.do("child")
    server.watch()
    server.do("burn 0.2", "child_burn 0.15")
    assert server.sample().cpu_cores == pytest.approx(0.35, abs=TICKS)
    server.do("child_burn 0.2")
    assert server.sample(seconds=2.0).cpu_cores == pytest.approx(0.1, abs=TICKS)
    assert server.sample().cpu_cores == pytest.approx(0.0, abs=TICKS)


def test_a_process_that_does_little_is_seen_to_the_millisecond(server):
    """Trap: the kernel's files count in hundredths, which was half of what the backend of a lab took."""
    server.watch()
    for _ in range(5):
        server.do("burn 0.003")
        assert server.sample().cpu_cores == pytest.approx(0.0035, abs=0.0015)


def test_what_was_used_before_the_first_sample_does_not_count(server):
    server.do("child", "burn 0.15", "child_burn 0.15", "brief 0.15")
    server.watch()
    assert server.sample().cpu_cores == pytest.approx(0.0, abs=TICKS)


def test_a_child_that_begins_counts_from_its_beginning(server):
    server.watch()
    server.do("child", "child_burn 0.2")
    use = server.sample()
    assert use.cpu_cores == pytest.approx(0.2, abs=TICKS)
    assert use.processes == 2


def test_a_child_that_ends_takes_nothing_back_and_what_it_did_last_counts(server):
    """Trap: its CPU since the sample before was lost, or all it ever used was counted again."""
    server.do("child")
    server.watch()
    server.do("child_burn 0.25")
    assert server.sample().cpu_cores == pytest.approx(0.25, abs=TICKS)
    server.do("burn 0.1", "child_burn 0.2", "child_end")
    use = server.sample()
    assert use.cpu_cores == pytest.approx(0.3, abs=TICKS)
    assert use.processes == 1
    assert server.sample().cpu_cores == pytest.approx(0.0, abs=TICKS)


def test_a_child_that_came_and_went_between_two_samples_counts(server):
    server.watch()
    server.do("brief 0.15", "brief 0.15")
    assert server.sample().cpu_cores == pytest.approx(0.3, abs=TICKS)


def test_a_child_nobody_has_waited_for_yet_is_counted_once(server):
    server.do("child")
    server.watch()
    server.do("child_burn 0.2", "child_zombie", "burn 0.1")
    assert server.sample().cpu_cores == pytest.approx(0.3, abs=TICKS)
    server.do("burn 0.1")
    assert server.sample().cpu_cores == pytest.approx(0.1, abs=TICKS)


def test_a_child_that_vanishes_unaccounted_hides_nothing_of_the_others(server):
    server.do("nobody_waits", "child")
    server.watch()
    server.do("child_burn 0.25")
    server.sample()
    server.do("child_end", "burn 0.15")
    assert server.sample().cpu_cores == pytest.approx(0.15, abs=TICKS)
    server.do("burn 0.1")
    assert server.sample().cpu_cores == pytest.approx(0.1, abs=TICKS)


def test_memory_and_files_are_those_of_all(server):
    server.watch()
    before = server.sample()
    server.do("open 50", "child")
    after = server.sample()
    assert after.rss_bytes > before.rss_bytes > 1_000_000
    # the child has all of its parent's
    assert after.files_open >= 2 * before.files_open + 100


@pytest.fixture
def groups(monkeypatch):
    """Control groups as a test writes them, in the place of this machine's."""
    files = {}

    def read(path):
        try:
            return files[path]
        except KeyError:
            raise FileNotFoundError(path) from None

    monkeypatch.setattr(processes, "read_text", read)
    return files


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        pytest.param("25000 100000\n", 0.25, id="a quarter of a core"),
        pytest.param("150000 100000\n", 1.0, id="more than its one process fills"),
        pytest.param("max 100000\n", 1.0, id="no quota"),
    ],
)
def test_a_server_fills_no_more_than_its_quota(server, groups, quota, cores):
    groups[f"/proc/{server.process.pid}/cgroup"] = "0::/service\n"
    groups["/sys/fs/cgroup/service/cpu.max"] = quota
    assert server.watch().cores == cores


def test_a_server_fills_no_more_than_the_cores_it_may_run_on(server, groups):
    server.do("child")
    os.sched_setaffinity(server.process.pid, {min(os.sched_getaffinity(0))})
    assert server.watch().cores == 1.0


@pytest.mark.parametrize(("quota", "all_cores"), [("25000 100000\n", 0.25), ("max 100000\n", None)])
def test_a_program_of_a_lab_fills_the_cores_that_it_says(server, groups, quota, all_cores):
    """A full nginx was at half of its limit: its master counted as a core, beside its worker."""
    groups[f"/proc/{server.process.pid}/cgroup"] = "0::/service\n"
    groups["/sys/fs/cgroup/service/cpu.max"] = quota
    server.do("child")
    found = {}
    for name in ("nginx", "haproxy", "redis", "server-1"):
        member = LabMember(name, "backend", server.process.pid, 1, "", [], "")
        asked = AskedServers(servers=(own_targets._sampled(member),))
        with ExitStack() as stack:
            samples, _ = open_servers(asked, TlsOptions(), "/socket.io", stack)
            (described,) = samples.described
        found[name] = described.cores
    here = float(len(os.sched_getaffinity(0)))
    each = all_cores or min(2.0, here)
    assert found == {"nginx": all_cores or 1.0, "haproxy": all_cores or here, "redis": each, "server-1": each}


def test_it_says_what_it_watches(server, groups):
    alone = server.watch()
    assert alone.what == f"pid {server.process.pid}"
    assert alone.cores == 1.0
    assert alone.files_limit > 0
    assert alone.members == {server.process.pid}
    server.do("child")
    both = Processes([server.process.pid])
    assert both.what == f"pid {server.process.pid} and its children"
    assert both.cores == min(2, len(os.sched_getaffinity(0)))


def test_several_processes_are_one_server_and_no_process_counts_twice(server):
    server.do("child")
    (child,) = Processes([server.process.pid]).members - {server.process.pid}
    both = Processes([server.process.pid, child])
    assert both.read(lambda: 1.0).gauges["processes"] == 2
    assert both.what == f"pids {server.process.pid}, {child}"


def test_a_child_that_is_a_server_of_its_own_is_no_part_of_its_parent(server):
    server.do("child")
    (child,) = Processes([server.process.pid]).members - {server.process.pid}
    rooted = [server.process.pid, child]
    parent, worker = Processes([server.process.pid], rooted), Processes([child], rooted)
    assert parent.members == {server.process.pid}
    assert worker.members == {child}
    assert parent.read(lambda: 1.0).gauges["processes"] == 1


def test_a_worker_that_is_another_process_now_is_no_part_of_its_parent_either(server):
    """After a restart it counted twice: as itself, and as its primary's."""
    server.do("child")
    (child,) = Processes([server.process.pid]).members - {server.process.pid}
    parent, worker = Processes([server.process.pid]), Processes([server.process.pid])
    sampled = [
        SampledServer(MeasuredServer(name, [1], name, 1.0, None, None), [source])
        for name, source in (("primary", parent), ("server-1", worker))
    ]
    ServerSamples(sampled).moved("server-1", child)
    assert parent.read(lambda: 1.0).gauges["processes"] == 1
    assert worker.read(lambda: 1.0).gauges["processes"] == 1
    assert (parent.members, worker.members) == ({server.process.pid}, {child})


def test_a_worker_that_is_a_server_of_its_own_is_no_cpu_of_its_parent_when_it_ends(server):
    """Trap: once its parent has waited for it, all it ever used is among the parent's figures."""
    server.do("child")
    (child,) = Processes([server.process.pid]).members - {server.process.pid}
    parent = Processes([server.process.pid], [server.process.pid, child])
    parent.read(lambda: 1.0)
    server.do("child_burn 0.3")
    before = parent.read(lambda: 2.0).counters["cpu_s"]
    server.do("child_end", "brief 0.15")
    after = parent.read(lambda: 3.0).counters["cpu_s"]
    assert after - before == pytest.approx(0.15, abs=TICKS)
    assert parent.read(lambda: 4.0).counters["cpu_s"] - after == pytest.approx(0.0, abs=TICKS)


def test_a_worker_that_becomes_a_server_of_its_own_takes_nothing_from_its_parent(server):
    server.do("child")
    parent = Processes([server.process.pid])
    (child,) = parent.members - {server.process.pid}
    server.do("child_burn 0.3")
    before = parent.read(lambda: 1.0).counters["cpu_s"]
    parent.leave_out(child)
    server.do("brief 0.15")
    after = parent.read(lambda: 2.0).counters["cpu_s"]
    assert after - before == pytest.approx(0.15, abs=TICKS)


def test_a_server_that_is_gone_is_sampled_no_more(server):
    source = server.watch()
    assert server.sample().processes == 1
    server.process.kill()
    os.waitid(os.P_PID, server.process.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(SourceGone, match=f"process {server.process.pid} is gone"):
        source.read(lambda: 102.0)  # a zombie is no server
    server.process.wait()
    sampler = Sampler(source)
    sampler.sample(103.0, lambda: 103.0)
    assert sampler.failure == f"process {server.process.pid} is gone"
    assert sampler.settled == 103.0
    assert sampler.track.levels(103.0) == {}


@pytest.mark.parametrize("pid", [-1, 0, 2**22 + 1, 2**40])
def test_a_pid_that_cannot_be_is_refused(pid):
    with pytest.raises(InputError, match=f"no process has the id {pid}"):
        Processes([pid])


def test_a_process_that_has_ended_is_refused():
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(InputError, match="no process has the id"):
        Processes([process.pid])
    process.wait()
    with pytest.raises(InputError, match="no process has the id"):
        Processes([process.pid])


def test_a_process_of_another_user_is_refused_with_a_remedy():
    code = (
        "import os, sys\n"
        "from siotool.errors import InputError\n"
        "from siotool.swarm.servers.processes import Processes\n"
        "if os.geteuid() == 0:\n"
        "    os.setuid(65534)\n"
        "try:\n"
        "    Processes([1])\n"
        "except InputError as error:\n"
        "    print(error.message, '|', error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "process 1 may not be read | run siotool as the server's user\n"


@pytest.mark.xfail(os.geteuid() != 0, run=False, reason="only root may read every process")
def test_the_first_process_may_be_watched_by_root():
    source = Processes([1])
    assert source.read(lambda: 1.0).counters["cpu_s"] >= 0
    assert source.read(lambda: 2.0).gauges["processes"] >= 1


def spent(**processes):
    return {name: Spent(*figures) for name, figures in processes.items()}


@pytest.mark.parametrize(
    ("before", "after", "unsettled", "used", "left"),
    [
        pytest.param(spent(a=(1, 0)), spent(a=(3, 0)), 0, 2, 0, id="a process goes on"),
        pytest.param(spent(a=(1, 5)), spent(a=(1, 5), b=(2, 0)), 0, 2, 0, id="a child begins"),
        pytest.param(spent(a=(1, 0)), spent(a=(1, 4)), 0, 4, 0, id="a child came and went"),
        pytest.param(spent(a=(1, 0), b=(3, 0)), spent(a=(1, 4)), 0, 1, 0, id="a child ends"),
        pytest.param(
            spent(a=(1, 0), b=(3, 2)), spent(a=(1, 6)), 0, 1, 0, id="a child with ended children ends"
        ),
        pytest.param(spent(a=(1, 0), b=(3, 0)), spent(a=(2, 0)), 0, 1, 3, id="nobody has waited for it yet"),
        pytest.param(spent(a=(2, 0)), spent(a=(2, 4)), 3, 1, 0, id="now somebody has"),
        pytest.param(spent(a=(1, 1)), spent(a=(1, 1)), 3, 0, 0, id="nobody ever does"),
        pytest.param(
            spent(b1=(9, 0), a=(1, 0)), spent(b2=(1, 0), a=(1, 9)), 0, 1, 0, id="a pid is used again"
        ),
    ],
)
def test_cpu_of_processes_that_come_and_go_is_counted_once(before, after, unsettled, used, left):
    assert cpu_between(before, after, unsettled) == (used, left)


def test_the_cores_of_servers_are_not_those_of_what_stands_beside_them(server):
    """--server-cores 2 of a lab made a full nginx half full."""
    pids = (server.process.pid,)
    asked = AskedServers((AskedServer("nginx", pids=pids, beside=True, cores=1.0),), cores=2.0)
    with ExitStack() as stack:
        samples, _ = open_servers(asked, TlsOptions(), "/socket.io", stack)
        assert [one.cores for one in samples.described] == [1.0]


def test_a_process_tree_that_holds_siotool_itself_is_no_server(server):
    """The shell that both were started from was taken for the server, with the generator's CPU in it."""
    check_here(AskedServers((AskedServer("a", pids=(server.process.pid,)),)))
    with pytest.raises(InputError, match=f"siotool itself is in pid {os.getpid()}"):
        check_here(
            AskedServers((AskedServer("a", pids=(server.process.pid,)), AskedServer("b", (os.getpid(),))))
        )
