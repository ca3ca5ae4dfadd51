import pytest

from siotool.swarm import cpu_quota
from siotool.swarm.cpu_quota import KernelFile, Waiting, allowed_cores, cgroup_quota, waited_s

V2 = {"/proc/self/cgroup": "0::/ci/job\n"}
V1 = {"/proc/self/cgroup": "5:cpuset:/\n4:cpu,cpuacct:/docker/abc\n3:memory:/x\n"}
CPU1 = "/sys/fs/cgroup/cpu,cpuacct"


def read_from(files):
    def read(path):
        try:
            return files[path]
        except KeyError:
            raise FileNotFoundError(path) from None

    return read


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        pytest.param({}, None, id="no control groups at all"),
        pytest.param(V2, None, id="a group without the file, such as the root"),
        pytest.param(V2 | {"/sys/fs/cgroup/ci/job/cpu.max": "max 100000\n"}, None, id="no limit"),
        pytest.param(V2 | {"/sys/fs/cgroup/ci/job/cpu.max": "50000 100000\n"}, 0.5, id="half a core"),
        pytest.param(V2 | {"/sys/fs/cgroup/ci/job/cpu.max": "150000\n"}, 1.5, id="the usual period"),
        pytest.param(
            V2
            | {
                "/sys/fs/cgroup/ci/job/cpu.max": "max 100000\n",
                "/sys/fs/cgroup/ci/cpu.max": "200000 100000\n",
                "/sys/fs/cgroup/cpu.max": "300000 100000\n",
            },
            2.0,
            id="a group above holds it too, and the least counts",
        ),
        pytest.param(
            {"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "25000 50000\n"},
            0.5,
            id="a container sees its own group as the root",
        ),
        pytest.param(
            V1
            | {
                f"{CPU1}/docker/abc/cpu.cfs_quota_us": "75000\n",
                f"{CPU1}/docker/abc/cpu.cfs_period_us": "50000\n",
            },
            1.5,
            id="version 1",
        ),
        pytest.param(
            V1 | {f"{CPU1}/cpu.cfs_quota_us": "40000\n", f"{CPU1}/cpu.cfs_period_us": "100000\n"},
            0.4,
            id="version 1 in a container whose path is the host's",
        ),
        pytest.param(
            V1 | {f"{CPU1}/cpu.cfs_quota_us": "-1\n", f"{CPU1}/cpu.cfs_period_us": "100000\n"},
            None,
            id="version 1 without a limit",
        ),
        pytest.param(
            V1 | {"/sys/fs/cgroup/cpuset/cpu.cfs_quota_us": "1\n"},
            None,
            id="another controller says nothing",
        ),
        pytest.param(
            V2 | {"/sys/fs/cgroup/ci/job/cpu.max": "half of it\n"},
            None,
            id="what cannot be read is no limit",
        ),
    ],
)
def test_a_control_groups_quota(files, quota):
    assert cgroup_quota(read_from(files)) == quota


@pytest.mark.parametrize(
    ("cpus", "workers", "quota", "cores"),
    [
        pytest.param(8, 4, None, 1.0, id="a core for each: an interpreter fills no more"),
        pytest.param(2, 4, None, 0.5, id="two share a core"),
        pytest.param(1, 1, None, 1.0, id="one core, one worker"),
        pytest.param(8, 4, 2.0, 0.5, id="a quota is shared by the workers in it"),
        pytest.param(1, 2, 1.5, 0.5, id="the affinity mask is tighter than the quota"),
        pytest.param(8, 1, 0.3, 0.3, id="less than a core"),
    ],
)
def test_cores_that_a_worker_may_use(monkeypatch, cpus, workers, quota, cores):
    monkeypatch.setattr(cpu_quota.os, "sched_getaffinity", lambda _: set(range(cpus)))
    assert allowed_cores(workers, quota) == cores


def test_time_spent_waiting_is_the_second_number_in_nanoseconds():
    assert waited_s(b"343570 45688000000 1\n") == 45.688
    assert waited_s(b"") == 0.0


def test_a_line_is_read_anew_without_opening_its_file_again(tmp_path):
    file = tmp_path / "schedstat"
    file.write_bytes(b"1 2 3\n")
    line = KernelFile(str(file))
    assert line.read() == b"1 2 3\n"
    file.write_bytes(b"4 5 6\n")
    assert line.read() == b"4 5 6\n"
    assert KernelFile(str(tmp_path / "none")).read() == b""


def test_without_the_kernels_word_nothing_waited():
    waiting = Waiting([2**30])
    assert waiting.since_last() == 0.0
