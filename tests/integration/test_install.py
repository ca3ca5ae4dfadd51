"""Environments from the locks: exactly what they say, whatever an index offers beside it.

The index is a folder of empty packages: those of the lock by name and version, each asking for
the next one in a way that lets a resolver look further, and a newer release of every one.
"""

import csv
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SUPPORTED = ("3.11", "3.12", "3.13")
#: What an environment has of its own, and what the Makefile builds from the checkout.
OWN = {"pip", "setuptools", "siotool"}
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)(?: ; ([^\\]+?))? \\$", re.MULTILINE)

pytestmark = pytest.mark.slow


def pins(lock: str) -> list[tuple[str, str, str]]:
    """Name, version and marker of everything in a lock."""
    return PINNED.findall((REPOSITORY / lock).read_text(encoding="utf-8"))


def wheel(folder: Path, name: str, version: str, requires: list[str]) -> str:
    """Make an empty package; returns its SHA-256."""
    stem = f"{name.replace('-', '_').replace('.', '_')}-{version}"
    needs = "".join(f"Requires-Dist: {line}\n" for line in requires)
    info = f"{stem}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nProvides-Extra: more\n{needs}"
    files = {
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = io.StringIO()
    csv.writer(record).writerows([(path, "", "") for path in (*files, f"{info}/RECORD")])
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in {**files, f"{info}/RECORD": record.getvalue()}.items():
            archive.writestr(zipfile.ZipInfo(inside), text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Makefile, with locks of the same names and versions, and an index that offers more."""
    root = tmp_path_factory.mktemp("checkout")
    index = root / "index"
    index.mkdir()
    shutil.copy(REPOSITORY / "Makefile", root)
    everything = [*pins("requirements.lock"), *pins("requirements-dev.lock")]
    conditional = {name for name, _, marker in everything if marker}
    hashes: dict[tuple[str, str], str] = {}
    asked = ""
    for name, version in dict.fromkeys((name, version) for name, version, _ in everything):
        hashes[name, version] = wheel(index, name, version, [asked] if asked else [])
        wheel(index, name, "999.0", [f"{name}[more]>=999"])
        if name not in conditional:  # one for another system is not installed: nobody may ask for it
            asked = f"{name}[more]>={version}"
    for lock in ("requirements.lock", "requirements-dev.lock"):
        lines = [
            f"{name}=={version}{f' ; {marker}' if marker else ''} --hash=sha256:{hashes[name, version]}\n"
            for name, version, marker in pins(lock)
        ]
        (root / lock).write_text("".join(lines), encoding="utf-8")
    return root


def interpreter(version: str) -> str:
    """A Python of this version on this machine, or an expected failure that says there is none."""
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for found in sorted(home.glob(f"{version}.*/bin/python")):
        return str(found)
    found_on_path = shutil.which(f"python{version}")
    if found_on_path is None:
        pytest.xfail(f"Python {version} is not on this machine")
    return found_on_path


def locked_for(python: str, lock: str) -> dict[str, str]:
    """What a lock wants on a Python of this machine: names and versions whose markers hold."""
    question = (
        "import sys\nfrom pip._vendor.packaging.markers import Marker\n"
        "for line in sys.stdin:\n    name, version, marker = line.rstrip('\\n').split('|')\n"
        "    if not marker or Marker(marker).evaluate():\n        print(name, version)\n"
    )
    asked = "".join("|".join(pin) + "\n" for pin in pins(lock))
    done = subprocess.run([python, "-c", question], input=asked, capture_output=True, text=True, check=True)
    return {canonical(name): version for name, version in map(str.split, done.stdout.splitlines())}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def installed(python: Path) -> dict[str, str]:
    """What an environment holds."""
    done = subprocess.run(
        [python, "-m", "pip", "--disable-pip-version-check", "list", "--format=freeze"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = dict(line.split("==") for line in done.stdout.splitlines())
    return {canonical(name): version for name, version in found.items() if canonical(name) not in OWN}


def make(checkout: Path, target: str, python: str, venv: Path) -> None:
    """Run the Makefile's own commands, with nothing to install from but the folder."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "MAKE"))}
    done = subprocess.run(
        ["make", f"{venv}/{target}", f"VENV={venv}", f"PYTHON={python}"],
        cwd=checkout,
        env={
            **clean,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(checkout / "index"),
            "PIP_CONFIG_FILE": os.devnull,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("version", SUPPORTED)
def test_the_oldest_pip_installs_exactly_the_lock(version: str, checkout: Path, tmp_path: Path) -> None:
    """pip 23's resolver looked past the lock as soon as a package with an extra had a newer release."""
    python = interpreter(version)
    make(checkout, ".locked", python, tmp_path / "venv")
    assert installed(tmp_path / "venv/bin/python") == locked_for(python, "requirements.lock")


def test_the_tools_of_the_tests_come_on_top(checkout: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    make(checkout, ".locked", sys.executable, venv)
    (venv / ".runs").touch()  # there is no package to install in this checkout
    (checkout / "pyproject.toml").touch()
    os.utime(checkout / "pyproject.toml", (0, 0))
    make(checkout, ".installed", sys.executable, venv)
    assert installed(venv / "bin/python") == locked_for(sys.executable, "requirements-dev.lock")


def test_running_needs_no_tool_of_the_developers() -> None:
    names = {name for name, _, _ in pins("requirements.lock")}
    # pytest is there because Locust asks for it
    assert not names & {"mypy", "ruff", "hypothesis", "pytest-xdist", "pytest-cov", "coverage"}


def test_both_locks_have_the_same_versions() -> None:
    everything = {pin[:2] for pin in pins("requirements-dev.lock")}
    assert {pin[:2] for pin in pins("requirements.lock")} <= everything


def test_a_python_too_old_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """It is a script that passes for one: what the Makefile and the package ask of it is what counts."""
    done = subprocess.run(
        ["make", "demo", f"VENV={tmp_path}/venv", "PYTHON=false"],
        cwd=REPOSITORY,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    sentence, *rest = done.stderr.splitlines()
    assert sentence.startswith("siotool needs Python 3.11, 3.12 or 3.13")
    assert all(line.startswith("make: ***") for line in rest)


def test_an_environment_that_is_shared_by_a_link_is_not_cleared(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "of-others").touch()
    (tmp_path / "venv").symlink_to(shared)
    done = subprocess.run(
        ["make", f"{tmp_path}/venv/.locked", f"VENV={tmp_path}/venv", f"PYTHON={sys.executable}"],
        cwd=REPOSITORY,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert f"{tmp_path}/venv is a symbolic link to {shared}" in done.stderr
    assert [path.name for path in shared.iterdir()] == ["of-others"]


def test_a_checkout_run_by_an_old_python_says_so() -> None:
    python = interpreter("3.10")
    done = subprocess.run(
        [python, "-m", "siotool", "--help"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "siotool needs Python 3.11 or newer" in done.stderr
