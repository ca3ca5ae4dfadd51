"""How much memory a container has left, from what the kernel shows of its control groups."""

import pytest

from siotool.swarm.memory_quota import memory_left

V2 = {"/proc/self/cgroup": "0::/ci/job\n"}
V1 = {"/proc/self/cgroup": "5:cpuset:/\n4:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n"}
JOB, CI, MEMORY1 = "/sys/fs/cgroup/ci/job", "/sys/fs/cgroup/ci", "/sys/fs/cgroup/memory"


def read_from(files):
    def read(path):
        try:
            return files[path]
        except KeyError:
            raise FileNotFoundError(path) from None

    return read


def group(folder, limit, used, stat=None):
    files = {f"{folder}/memory.max": f"{limit}\n", f"{folder}/memory.current": f"{used}\n"}
    return files | ({} if stat is None else {f"{folder}/memory.stat": stat})


def group1(folder, limit, used, stat=None):
    files = {
        f"{folder}/memory.limit_in_bytes": f"{limit}\n",
        f"{folder}/memory.usage_in_bytes": f"{used}\n",
    }
    return files | ({} if stat is None else {f"{folder}/memory.stat": stat})


@pytest.mark.parametrize(
    ("files", "left"),
    [
        pytest.param({}, None, id="no control groups at all"),
        pytest.param(V2, None, id="a group without the file, such as the root"),
        pytest.param(V2 | group(JOB, "max", 5), None, id="no limit"),
        pytest.param(V2 | group(JOB, 1000, 300), 700, id="what is not used yet"),
        pytest.param(V2 | group(JOB, 1000, 1200), 0, id="more is used than may be"),
        pytest.param(
            V2 | group(JOB, 1000, 900, "anon 250\nactive_file 200\ninactive_file 400\nshmem 50\n"),
            700,
            id="what the kernel keeps of files it gives back",
        ),
        pytest.param(
            V2 | group(JOB, 1000, 300, "what\nis this line\n"), 700, id="a statistic that cannot be read"
        ),
        pytest.param(
            V2 | group(JOB, "max", 300) | group(CI, 2000, 1900), 100, id="a group above holds it too"
        ),
        pytest.param(V2 | group(JOB, 1000, 300) | group(CI, 9000, 100), 700, id="the least counts"),
        pytest.param(
            {"/proc/self/cgroup": "0::/\n"} | group("/sys/fs/cgroup", 500, 100),
            400,
            id="a container sees its own group as the root",
        ),
        pytest.param(
            V1 | group1(f"{MEMORY1}/docker/abc", 1000, 900, "inactive_file 1\ntotal_inactive_file 300\n"),
            400,
            id="version 1",
        ),
        pytest.param(V1 | group1(MEMORY1, 1000, 400), 600, id="version 1, whose path is the host's"),
        pytest.param(V1 | group1(MEMORY1, 9223372036854771712, 400), None, id="version 1 without a limit"),
        pytest.param(V2 | group(JOB, "much", 5), None, id="what cannot be read is no limit"),
    ],
)
def test_a_control_group_has_so_much_memory_left(files, left):
    """A worker in a container was thought to have all that its host has, and was killed by the kernel."""
    assert memory_left(read_from(files)) == left
