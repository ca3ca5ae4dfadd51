"""What a release consists of: an sdist and a wheel that hold everything and run anywhere.

They are built here, or those in the folder SIOTOOL_DIST names are looked at (``make check-dist``).
"""

import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
STEM = f"{PROJECT['name']}-{PROJECT['version']}"

pytestmark = pytest.mark.slow


def build(tree: Path, folder: Path, *kinds: str) -> None:
    """As ``make dist``: the backend of the lock, and a time in the archives that is always the same."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder), *kinds],
        cwd=tree,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1790000000"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of both files."""
    if given := os.environ.get("SIOTOOL_DIST"):
        return Path(given)
    folder = tmp_path_factory.mktemp("dist")
    build(REPOSITORY, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    return dist / f"{STEM}-py3-none-any.whl"


def contents(wheel: Path) -> dict[str, bytes]:
    """What is in a wheel, but for what says how it was made."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.startswith(f"{STEM}.dist-info/")]
        return {name: archive.read(name) for name in names}


def committed(folder: str) -> set[str]:
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", folder],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return {name for name in done.stdout.splitlines() if (REPOSITORY / name).exists()}


def test_a_build_makes_an_sdist_and_a_wheel_of_this_version(dist: Path) -> None:
    made = {path.name for path in dist.iterdir() if path.suffix in (".gz", ".whl")}
    assert made == {f"{STEM}.tar.gz", f"{STEM}-py3-none-any.whl"}


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    """Code, the mark of its types, scenarios, labs, schemas, templates, styles, the program of labs."""
    wanted = committed("siotool") | {f"siotool/{name}" for name in committed("scenarios")}
    assert set(contents(wheel)) == wanted
    assert "siotool/py.typed" in wanted
    assert {Path(name).suffix for name in wanted} >= {".py", ".json", ".jinja", ".css", ".mjs", ".toml"}
    assert "siotool/scenarios/chat.py" in wanted


def test_the_sdist_makes_the_same_wheel(dist: Path, wheel: Path, tmp_path: Path) -> None:
    """Who packages siotool builds from it: the tests and the locks are in it too."""
    with tarfile.open(dist / f"{STEM}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    tree = tmp_path / STEM
    assert (tree / "requirements-dev.lock").is_file()
    assert (tree / "tests/golden/plan.txt").is_file()
    build(tree, tmp_path / "again", "-t", "wheel")
    assert contents(tmp_path / "again" / wheel.name) == contents(wheel)


def test_the_index_can_show_what_the_wheel_says_of_itself(wheel: Path) -> None:
    """What ``twine check`` asks: the fields that must be there, and a description that can be drawn."""
    with zipfile.ZipFile(wheel) as archive:
        info = f"{STEM}.dist-info"
        told = Parser().parsestr(archive.read(f"{info}/METADATA").decode("utf-8"))
        licence = archive.read(f"{info}/licenses/LICENSE")
        entry_points = archive.read(f"{info}/entry_points.txt").decode()
    assert (told["Name"], told["Version"]) == (PROJECT["name"], PROJECT["version"])
    assert told["Summary"] == PROJECT["description"]
    # Markdown can always be drawn; the index refuses a description of a kind it does not know
    assert told["Description-Content-Type"] == "text/markdown"
    assert told.get_payload().strip() == (REPOSITORY / "README.md").read_text(encoding="utf-8").strip()
    assert told["License-Expression"] == "Apache-2.0"
    assert licence == (REPOSITORY / "LICENSE").read_bytes()
    assert "siotool = siotool.cli.app:main" in entry_points
    python = set(told["Requires-Python"].split(","))
    assert python == set(PROJECT["requires-python"].split(","))


def test_make_dist_builds_both_with_the_backend_of_the_lock() -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "dist"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.rstrip().endswith("bin/python -m hatchling build")


def test_a_wheel_works_wherever_it_is_installed(wheel: Path, tmp_path: Path) -> None:
    """The checkout is not needed."""
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    elsewhere = tmp_path / "elsewhere"
    subprocess.run([*install, str(elsewhere), str(wheel)], check=True, capture_output=True)
    empty = tmp_path / "empty"
    empty.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(elsewhere)}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-P", str(elsewhere / "bin/siotool"), *arguments],
            cwd=empty,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 5), done.stderr  # 5: a machine too busy to measure
        return done.stdout

    assert "loadtest" in run("--help")
    assert "rate" in run("loadtest", "--list")
    figures = ("--connections", "1M", "--consumption-rate", "2KB/s", "--capacity", "1GB/s")
    assert "servers" in run("plan", *figures)
    run("loadtest", "demo", "--scenario", "echo", "--users", "4", "--run-time", "2s", "--out", "run", "-q")
    assert (empty / "run/report.html").is_file()
