"""The process that runs the commands of faults leaves nothing done that is to be undone."""

import os
import signal
from pathlib import Path

import pytest

from siotool.faults import command_keeper
from siotool.faults.command_keeper import CommandKeeper
from siotool.faults.command_lines import CommandStep


def words(mark: Path) -> list[str]:
    return mark.read_text().split() if mark.exists() else []


def test_what_is_under_way_is_undone_after_it_is_done(tmp_path: Path) -> None:
    """The undo ran beside it and was over first: the service stayed broken."""
    mark, go = tmp_path / "mark", tmp_path / "go"
    os.mkfifo(go)
    keeper = CommandKeeper()
    keeper.take(CommandStep(0, "do", f"cat {go}; echo do >> {mark}", f"echo undo >> {mark}"))
    keeper.take(CommandStep(1, "do", f"echo > {go}", ""))
    keeper.undo_all()
    assert words(mark) == ["do", "undo"]


def test_what_takes_too_long_is_killed_and_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_keeper, "LAST_S", 0.2)
    mark = tmp_path / "mark"
    keeper = CommandKeeper()
    keeper.take(CommandStep(0, "do", "sleep 60", f"echo undo >> {mark}"))
    keeper.undo_all()
    assert words(mark) == ["undo"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it goes on to run
def test_what_may_not_be_killed_keeps_nothing_from_being_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs by sudo is another user's: that ended the keeper, and nothing was undone."""
    kept: list[int] = []

    def refuse(group: int, _number: int) -> None:
        kept.append(group)
        raise PermissionError

    monkeypatch.setattr(command_keeper, "LAST_S", 0.2)
    monkeypatch.setattr(command_keeper, "_KILLED_S", 0.1)
    mark = tmp_path / "mark"
    keeper = CommandKeeper()
    keeper.take(CommandStep(0, "do", "exec sleep 60", f"echo undo >> {mark}"))
    with monkeypatch.context() as patched:
        patched.setattr(os, "killpg", refuse)
        keeper.undo_all()
    os.killpg(kept[0], signal.SIGKILL)
    assert words(mark) == ["undo"]
