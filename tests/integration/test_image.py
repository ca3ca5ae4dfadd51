"""The container image, built from the Dockerfile and run, wherever Docker or Podman is there and works.

``SIOTOOL_IMAGE_BASE`` names another base image than the Dockerfile's, for machines without a registry.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from siotool.deployment.image import USER

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TAG = "siotool:of-tests"


@pytest.fixture(scope="module")
def builder() -> str:
    """A command that builds images and runs them."""
    for name in ("docker", "podman"):
        if (
            shutil.which(name)
            and not subprocess.run([name, "info"], capture_output=True, check=False).returncode
        ):
            return name
    pytest.xfail("there is no container builder here")


def test_the_image_runs_a_load_as_a_user_without_rights(builder: str) -> None:
    base = os.environ.get("SIOTOOL_IMAGE_BASE")
    subprocess.run(
        [builder, "build", *(["--build-arg", f"BASE={base}"] if base else []), "--tag", TAG, str(ROOT)],
        check=True,
        timeout=600,
    )

    def run(*arguments: str, options: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[str]":
        command = [builder, "run", "--rm", "--read-only", "--tmpfs", "/tmp", *options, TAG, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    assert run("-u", options=("--entrypoint", "id")).stdout.strip() == str(USER)
    done = run("loadtest", "demo", "--users", "3", "--run-time", "2s", "--quiet", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert '"verdict": "passed"' in done.stdout
