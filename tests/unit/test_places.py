"""Which places of a report are refused before the load: those that nothing can be written to after it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from siotool.cli.output import write
from siotool.cli.places import check_not_read, check_places, run_folder
from siotool.errors import InputError, OutputError


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("place", "out"),
    [
        pytest.param("results.xml", None, id="beside everything"),
        pytest.param("out/run/results.xml", "out/run", id="in the run's folder, which is made"),
        pytest.param("out/results.xml", "out/run", id="above it, which is made too"),
        pytest.param("reports/results.xml", None, id="where runs are kept that name no folder"),
        pytest.param("reports/run.jsonl", None, id="no run's own: those have folders there"),
        pytest.param("-", None, id="stdout"),
        pytest.param("/dev/null", None, id="a device"),
    ],
)
def test_places_that_will_be_there_are_taken_and_nothing_is_made(place: str, out: str | None) -> None:
    check_places({"-o": place}, Path(out or "reports"), None if out is None else Path(out))
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("place", "out", "said"),
    [
        pytest.param("nowhere/results.xml", None, "No such file or directory", id="no folder"),
        pytest.param("out/run/sub/results.xml", "out/run", "No such file or directory", id="nobody makes it"),
        pytest.param("out/run/run.jsonl", "out/run", "it is the run's own", id="the run"),
        pytest.param("reports/sub/results.xml", None, "No such file or directory", id="below all runs"),
        pytest.param("folder", None, "is a folder", id="a folder"),
    ],
)
def test_places_that_nobody_makes_are_refused(place: str, out: str | None, said: str) -> None:
    Path("folder").mkdir()
    with pytest.raises(OutputError, match=said):
        check_places({"-o": place}, Path(out or "reports"), None if out is None else Path(out))


def test_links_that_lead_in_a_circle_are_replaced() -> None:
    """Trap: before Python 3.13 they were a bug of siotool (exit 1)."""
    Path("loop").symlink_to("loop")
    check_places({"-o": "loop"}, Path("loop"), Path("loop"))
    write("whole", "loop")
    assert Path("loop").read_text(encoding="utf-8") == "whole"


def test_a_report_without_charts_makes_no_folder() -> None:
    """Trap: reports/ was taken for one that comes with a run, and the place was refused when all was done."""
    with pytest.raises(OutputError, match="No such file or directory"):
        check_places({"-o": "reports/results.xml"}, None)


@pytest.mark.parametrize("option", ["-o", "--summary"])
def test_a_pipe_is_written_to_as_it_is(option: str) -> None:
    """Its name resolves to pipe:[1234], which is no file: it was refused, as /dev/stderr in a pipeline."""
    read, written = os.pipe()
    try:
        check_places({option: f"/dev/fd/{written}"}, None)
        write("whole", f"/dev/fd/{written}")
        assert os.read(read, 100) == b"whole"
    finally:
        os.close(read)
        os.close(written)


@pytest.mark.xfail(os.geteuid() == 0, run=False, reason="root may write anything")
def test_a_file_that_may_not_be_written_is_replaced_but_not_appended_to() -> None:
    Path("old.xml").touch(0o444)
    check_places({"-o": "old.xml"}, None)
    with pytest.raises(OutputError, match="may not be written"):
        check_places({"--summary": "old.xml"}, None)


@pytest.mark.parametrize("read", ["folder", "folder@4", "folder/run.jsonl"])
@pytest.mark.parametrize("place", ["folder/run.jsonl", "folder/profile.json", "folder/report.json"])
def test_what_is_read_of_a_folder_is_no_place(read: str, place: str) -> None:
    """Trap: only run.jsonl was compared, and RUN@4 was no path, so that both were written over."""
    Path("folder").mkdir()
    for name in ("run.jsonl", "profile.json", "report.json", "../profile.json"):
        (Path("folder") / name).touch()
    if place == "folder/report.json" or (read.endswith("jsonl") and place != read):
        check_not_read([read], {"-o": place})
    else:
        with pytest.raises(OutputError, match="is read, and would be lost"):
            check_not_read([read], {"-o": place})
    check_not_read([read, "none"], {"-o": "profile.json"})


def test_the_history_of_a_load_is_no_place() -> None:
    """Trap: the report of a load was written over the history that it is compared with and added to."""
    from siotool.cli.beside_load import beside_load

    Path("past.sqlite").touch()
    with pytest.raises(OutputError, match=r"-o past\.sqlite: this file is read, and would be lost"):
        beside_load(
            None, [], Path("past.sqlite"), None, {"-o": "past.sqlite"}, None, same_target=False, kept=True
        )


def test_a_link_to_a_folder_that_is_not_there_is_called_one() -> None:
    """Trap: it was refused as a folder that already holds a run."""
    Path("out").symlink_to("gone")
    with pytest.raises(InputError, match="out is a link to gone, which is not there"):
        run_folder(Path("out"), "chat", written=True)
    Path("gone").mkdir()
    assert run_folder(Path("out"), "chat", written=True) == Path("out")


def test_stdout_by_another_name_is_taken_wherever_it_leads(tmp_path: Path) -> None:
    """Trap: a log that was open for writing was refused where its folder takes no other file."""
    code = (
        "from siotool.cli.places import check_places\n"
        "check_places({'-o': '/dev/stdout'}, None)\n"
        "print('taken')"
    )
    folder = tmp_path / "gone"
    folder.mkdir()
    with (folder / "log").open("w+", encoding="utf-8") as log:
        shutil.rmtree(folder)
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=log, stderr=subprocess.PIPE, text=True, check=False
        )
        log.seek(0)
        assert (log.read(), done.stderr) == ("taken\n", "")
