"""What a manifest says to run runs: the commands of its containers, as processes of this machine."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from siotool.deployment.image import LOAD, TOKEN
from siotool.target.process import TargetProcess

pytestmark = pytest.mark.slow

ELSEWHERE = "http://chat.invalid:3000"
SCENARIO = """
from lib.words import TEXT

from siotool.swarm.user import SocketIOUser, task


class Talk(SocketIOUser):
    rate = 5

    def auth(self):
        return {"name": self.row["name"]}

    @task
    def talk(self):
        self.call("echo", TEXT)
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[[str], list[dict[str, Any]]]:
    """The resources of a manifest for a load with a scenario, a users file and a secret header."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "words.py").write_text('TEXT = "hello"\n')
    (tmp_path / "talk.py").write_text(SCENARIO)
    (tmp_path / "rows.csv").write_text("name\n" + "\n".join(f"user-{number}" for number in range(8)))

    def write(kind: str) -> list[dict[str, Any]]:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "siotool", "loadtest", ELSEWHERE, "--scenario", "talk.py"),
                *("--users-file", "rows.csv", "--users", "8", "--run-time", "3s"),
                *("--header", "X-Key: sesame", "--distributed", "--expect-workers", "2"),
                *("--token-file", tmp_path / "token", "--manifest", kind),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [*yaml.safe_load_all(done.stdout)]

    return write


def of_kubernetes(
    resources: list[dict[str, Any]],
) -> tuple[list[str], list[str], dict[str, str], dict[str, bytes]]:
    """Commands of the run and of a worker, the run's variables, and the files that are mounted."""
    jobs = [one["spec"]["template"]["spec"]["containers"][0] for one in resources if one["kind"] == "Job"]
    secret, files = (one for one in resources if one["kind"] == "Secret")
    pod = next(one for one in resources if one["kind"] == "Job")["spec"]["template"]["spec"]
    items = next(volume for volume in pod["volumes"] if volume["name"] == "files")["secret"]["items"]
    contents = {item["path"]: base64.b64decode(files["data"][item["key"]] or "") for item in items}
    variables = {one["name"]: secret["stringData"][one["name"]] for one in jobs[0]["env"]}
    return jobs[0]["args"], jobs[1]["args"], variables, contents


def of_compose(
    resources: list[dict[str, Any]],
) -> tuple[list[str], list[str], dict[str, str], dict[str, bytes]]:
    """The same of a Compose file; its variables come from the shell."""
    run, worker = (resources[0]["services"][name] for name in ("run", "worker"))
    binds = [volume for volume in run["volumes"] if isinstance(volume, dict)]
    contents = {bind["target"].removeprefix(f"{LOAD}/"): Path(bind["source"]).read_bytes() for bind in binds}
    assert run["environment"] == ["SIOTOOL_LOADTEST_HEADER"]
    variables = {"SIOTOOL_LOADTEST_HEADER": '["X-Key: sesame"]'}
    return run["command"], worker["command"], variables, contents


@pytest.mark.parametrize("kind", ["kubernetes", "compose"])
def test_the_containers_of_a_manifest_make_the_load(
    manifest: Callable[[str], list[dict[str, Any]]], tmp_path: Path, kind: str, hold: Callable[[], int]
) -> None:
    read = of_kubernetes if kind == "kubernetes" else of_compose
    run, worker, variables, contents = read(manifest(kind))
    assert "sesame" not in " ".join(run)
    for name, content in contents.items():
        place = tmp_path / "load" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    where = f"127.0.0.1:{hold()}"

    with TargetProcess() as target:
        here = {
            ELSEWHERE: target.url,
            "0.0.0.0:5557": where,
            worker[worker.index("--join") + 1]: where,
            TOKEN: str(tmp_path / "token"),
        }

        def start(arguments: list[str], name: str) -> subprocess.Popen[bytes]:
            own = [here.get(one, one.replace(f"{LOAD}/", f"{tmp_path}/load/")) for one in arguments]
            with (tmp_path / name).open("wb") as said:
                return subprocess.Popen(
                    [sys.executable, "-m", "siotool", *own],
                    cwd=tmp_path,
                    env=os.environ | variables,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                )

        processes = [start(run, "run.txt"), start(worker, "1.txt"), start(worker, "2.txt")]
        try:
            codes = [process.wait(60) for process in processes]
        finally:
            for process in processes:
                process.kill()
                process.wait(10)
    # 5: a machine too busy to measure
    assert codes in ([0, 0, 0], [5, 0, 0]), (tmp_path / "run.txt").read_text()
    (written,) = (tmp_path / "reports").glob("*-talk/report.json")
    report = json.loads(written.read_text())
    assert report["connections"]["peak"] == 8
    assert report["operations"][0]["count"] > 0
