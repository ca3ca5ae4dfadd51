"""The process that keeps a lab: starts all of it, and stops all of it when it is to end.

``python -m siotool.lab.keeper --lab JSON --folder DIR --parent PID`` prints one JSON line once all
programs are ready, then one for each that ends by itself. From each line of standard input it takes an
action (``AskedAction``), and prints a line when that is over. It stops on SIGTERM, when its standard
input closes, and when ``--parent PID`` is no longer its parent. Killed, it takes its programs along
(on Linux).
"""

import argparse
import contextlib
import os
import resource
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

import msgspec

from siotool.errors import SiotoolError, TargetError
from siotool.lab.fleet_actions import FleetActions, Steps
from siotool.lab.keeper_lines import AskedAction, DoneAction, EndedProgram, FailedLab
from siotool.lab.lab import Lab
from siotool.lab.process_tree import is_stopped
from siotool.lab.running_fleet import RunningFleet
from siotool.lab.running_program import end_with
from siotool.told_lines import ToldLines

#: How often, in seconds, programs and parent are looked at.
_LOOK_S = 0.2
#: The same while something is done to them.
_STEP_S = 0.02


class _Stop(Exception):
    """It is to end."""


def main() -> int:
    """Run as the child of a siotool process."""
    parser = argparse.ArgumentParser(prog="python -m siotool.lab.keeper", description=__doc__)
    parser.add_argument("--lab", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--parent", type=int, required=True, metavar="PID")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, _stop)
    end_with(args.parent, signal.SIGTERM)()  # also while the lab starts
    _allow_many_connections()
    lab = msgspec.json.decode(args.lab, type=Lab)
    with tempfile.TemporaryDirectory(prefix="siotool-lab-", ignore_cleanup_errors=True) as data:
        fleet = RunningFleet(lab, args.folder, Path(data))
        try:
            _print(fleet.start())
            _keep(fleet, args.parent)
        except SiotoolError as error:
            _print(FailedLab(error.message, error.hint))
            return error.exit_code
        except _Stop:
            pass
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            fleet.stop()
    return 0


def _keep(fleet: RunningFleet, parent: int) -> None:
    """Carry out what is asked for, until it is to end."""
    actions = FleetActions(fleet)
    running: list[tuple[AskedAction, Steps]] = []
    lines = ToldLines()
    wait_s = _LOOK_S
    while os.getppid() == parent and (told := lines.within(wait_s)) is not None:
        asked = [msgspec.json.decode(one, type=AskedAction) for one in told]
        running += [(one, actions.carry_out(one.action)) for one in asked]
        running = [one for one in running if _goes_on(fleet, *one)]
        for ended in fleet.ended():
            assert ended.code is not None, "those whose code is known"
            _print(EndedProgram(ended.name, ended.code, ended.member.log))
        with contextlib.suppress(TargetError):  # it is asked again soon
            fleet.settle_fronts()
        again_s = actions.throttle()
        wait_s = min(_STEP_S if running else _LOOK_S, _LOOK_S if again_s is None else again_s)


def _goes_on(fleet: RunningFleet, asked: AskedAction, steps: Steps) -> bool:
    """Take an action a step further; say so when it is over."""
    try:
        next(steps)
    except StopIteration:
        _print(_done(fleet, asked, ""))
    except (SiotoolError, OSError) as error:
        _print(_done(fleet, asked, str(error)))
    else:
        return True
    return False


def _done(fleet: RunningFleet, asked: AskedAction, error: str) -> DoneAction:
    parts = fleet.concerned(asked.action.parts)
    down = [part.name for part in parts if part.ended or is_stopped(part.pid)]
    return DoneAction(asked.number, error, [part.member for part in parts if part.name not in down], down)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _Stop


def _allow_many_connections() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS calls a limit infinite that it does not grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _print(line: msgspec.Struct) -> None:
    with contextlib.suppress(BrokenPipeError):  # the parent has ended
        sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
