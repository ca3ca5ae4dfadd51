"""What a machine and the parent of a run say to each other, over Locust's own channel.

Each message has one of Locust's kinds of text and, where it says more than that, a record.
"""

import msgspec

from siotool.runfile import GeneratorMachine
from siotool.swarm.load_limits import MachineLimits

#: A machine wants to join: ``Joining``. It says so until it hears JOINED or REFUSED.
JOIN = "siotool_join"
JOINED = "siotool_joined"
#: The parent will not have it: ``MachineRefusal``.
REFUSED = "siotool_refused"
#: A machine asks what time it is, ``ClockQuestion``; and the parent's answer, ``ClockAnswer``.
CLOCK = "siotool_clock"
#: The parent says what the machine's workers are to do: ``Starting``.
START = "siotool_start"
#: One of the machine's workers has ended, or could not be started: ``WorkerEnding``.
ENDED = "siotool_ended"
#: The parent wants a worker killed: ``WorkerEnding`` without an ending.
KILL = "siotool_kill"
#: The run is over: the machine ends its workers, and leaves.
OVER = "siotool_over"
#: A machine leaves before that: somebody pressed Ctrl-C there, or it was sent SIGTERM.
LEAVING = "siotool_leaving"


class Joining(msgspec.Struct, frozen=True):
    """What a machine says of itself.

    ``kernel`` names what it shares with another machine that is on the same loopback network.
    Of the ``versions`` those of siotool and Locust must be the parent's. ``sources`` is how many addresses it
    connects from. A ``spare`` one makes load only in place of workers that are lost.
    """

    machine: GeneratorMachine
    versions: dict[str, str]
    kernel: str
    limits: MachineLimits
    sources: int
    spare: bool


class MachineRefusal(msgspec.Struct, frozen=True):
    """Why a machine is refused, and what to do about it."""

    message: str
    hint: str = ""


class ClockQuestion(msgspec.Struct, frozen=True):
    """When it was asked, by the machine's clock, and how exactly it knows the parent's by now."""

    asked: float
    error_s: float | None = None


class ClockAnswer(msgspec.Struct, frozen=True):
    """The question's moment again, and those of the parent's clock at which it came and was answered.

    ``others_error_s`` is the largest error of another machine's clock.
    """

    asked: float
    heard: float
    answered: float
    others_error_s: float


class Bundle(msgspec.Struct, frozen=True):
    """A scenario and what it imports from its folder: contents by path. ``scenario`` is one of the paths."""

    scenario: str
    files: dict[str, bytes]


class Starting(msgspec.Struct, frozen=True):
    """What a machine's workers run; ``configs`` are their ``WorkerConfig`` in JSON.

    ``tls_files``: contents of the files that their TLS options name, by the option.
    """

    bundle: Bundle
    configs: list[bytes]
    tls_files: dict[str, bytes] = {}


class WorkerEnding(msgspec.Struct, frozen=True):
    """A worker by its number in the run, and how it ended, in words."""

    worker: int
    ending: str = ""
