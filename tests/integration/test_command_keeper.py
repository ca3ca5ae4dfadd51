"""The process that runs the commands of faults: a signal is for whom it is sent to."""

from pathlib import Path

import pytest

from siotool.faults.fault_clock import DueStep, StepDone
from siotool.faults.fault_commands import FaultCommands
from siotool.faults.planned_fault import PlannedFault


def carried_out(commands: FaultCommands) -> StepDone:
    commands.begin(DueStep(0, "do"))
    while not (done := commands.news(1.0)):
        pass
    return done[0]


@pytest.mark.parametrize("name", ["INT", "HUP", "TERM"])
def test_a_signal_ends_a_command(name: str) -> None:
    """Trap: commands did not hear a signal that their keeper ignored: ``timeout -s INT`` ended none."""
    with FaultCommands([PlannedFault(0.0, f"kill -{name} $$; echo it lives on")]) as commands:
        done = carried_out(commands)
    assert (done.failed, "lives on" in done.said) == (True, False)


@pytest.mark.parametrize("name", ["INT", "HUP", "TERM"])
def test_who_keeps_the_commands_undoes_them_in_spite_of_a_signal(name: str, tmp_path: Path) -> None:
    """Trap: systemd ends all processes of a service at once, and the keeper ended without its undo."""
    mark = tmp_path / "mark"
    with FaultCommands([PlannedFault(0.0, f"kill -{name} $PPID", undo=f"echo undone > {mark}")]) as commands:
        assert not carried_out(commands).failed
    assert mark.read_text() == "undone\n"
