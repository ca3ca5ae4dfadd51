"""What of a scenario's folder goes to other machines: what it imports, in whatever way, and nothing else."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from siotool.errors import ScenarioError
from siotool.swarm.machines import scenario_bundle
from siotool.swarm.machines.machine_messages import Bundle
from siotool.swarm.machines.scenario_bundle import packed, unpacked


@pytest.fixture
def write(tmp_path: Path):
    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / "scenarios" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path / "scenarios/load.py"

    return write


@pytest.fixture(autouse=True)
def modules_as_before() -> Iterator[None]:
    modules, path = dict(sys.modules), list(sys.path)
    yield
    for name in sys.modules.keys() - modules.keys():
        del sys.modules[name]
    sys.path[:] = path


@pytest.mark.parametrize(
    ("files", "sent"),
    [
        pytest.param({"load.py": "import json"}, {"load.py"}, id="nothing of its own"),
        pytest.param(
            {"load.py": "import login", "login.py": "", "other.py": ""},
            {"load.py", "login.py"},
            id="a module beside it, and not what is beside that",
        ),
        pytest.param(
            {
                "load.py": "from lib.words import TEXT\nimport lib.deep.more",
                "lib/words.py": "",
                "lib/deep/more.py": "",
            },
            {"load.py", "lib/words.py", "lib/deep/more.py"},
            id="modules in folders without an __init__.py: Python's own finder raised",
        ),
        pytest.param(
            {"load.py": "import a", "a.py": "import b", "b.py": "import load"},
            {"load.py", "a.py", "b.py"},
            id="what its modules import, also in a circle",
        ),
        pytest.param(
            {"load.py": "def late():\n    import login\n", "login.py": ""},
            {"load.py", "login.py"},
            id="what is imported when a user needs it",
        ),
        pytest.param(
            {"load.py": "from app.users import names", "app/__init__.py": "", "app/users.py": "names = []"},
            {"load.py", "app/__init__.py", "app/users.py"},
            id="a package",
        ),
        pytest.param(
            {"load.py": "try:\n    import fast\nexcept ImportError:\n    pass\n"},
            {"load.py"},
            id="what is not there",
        ),
    ],
)
def test_what_its_source_imports_is_sent(write, files, sent) -> None:
    assert set(packed(write(files)).files) == sent


def test_what_was_imported_by_name_at_run_time_is_sent_too(write) -> None:
    path = write({"load.py": "", "chosen.py": "", "plugins/one.py": ""})
    sys.path.append(str(path.parent))
    importlib.import_module("chosen")
    importlib.import_module("plugins.one")  # a package without an __init__
    assert set(packed(path).files) == {"load.py", "chosen.py", "plugins/one.py"}


def test_packages_that_are_installed_within_the_folder_stay_there(write) -> None:
    """Trap: a project's .venv lies in the folder of its scenarios."""
    path = write({"load.py": "", ".venv/lib/site-packages/big.py": ""})
    sys.path.append(str(path.parent / ".venv/lib/site-packages"))
    importlib.import_module("big")
    assert set(packed(path).files) == {"load.py"}


def test_it_arrives_as_it_was(write, tmp_path: Path) -> None:
    path = write({"load.py": "import app.users\n", "app/__init__.py": "", "app/users.py": "# é\n"})
    there = unpacked(packed(path), tmp_path / "there")
    assert there == tmp_path / "there/load.py"
    assert there.read_bytes() == path.read_bytes()
    assert (tmp_path / "there/app/users.py").read_text() == "# é\n"


@pytest.mark.parametrize("name", ["/etc/passwd", "../up.py", "a/../../up.py", "", "."])
def test_nothing_is_written_outside_of_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ScenarioError, match="a scenario's file named"):
        unpacked(Bundle("load.py", {"load.py": b"", name: b"x"}), tmp_path / "deep/there")
    assert {path.name for path in tmp_path.rglob("*")} <= {"deep", "there", "load.py"}


def test_more_than_a_scenario_has_is_refused(write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenario_bundle, "MOST_BYTES", 10)
    with pytest.raises(ScenarioError, match=r"what it imports from its folder are \d+ MB"):
        packed(write({"load.py": "x = 12345678\n"}))


def test_a_module_that_is_a_link_is_sent_under_its_own_name(write, tmp_path: Path) -> None:
    """It leads out of the folder: that ended as a bug, after all machines had joined."""
    scenario = write({"load.py": "import common"})
    elsewhere = tmp_path / "shared/common.py"
    elsewhere.parent.mkdir()
    elsewhere.write_text("TEXT = 'shared'")
    (scenario.parent / "common.py").symlink_to(elsewhere)
    sys.path.insert(0, str(scenario.parent))
    importlib.import_module("common")
    bundle = packed(scenario)
    assert bundle.files.keys() == {"load.py", "common.py"}
    assert unpacked(bundle, tmp_path / "there").with_name("common.py").read_text() == "TEXT = 'shared'"
