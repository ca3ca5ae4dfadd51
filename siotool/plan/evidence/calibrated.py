"""What a calibration says of a server: the form of ``profile.json``.

Costs are CPU seconds of one core at the pace of the calibration (``siotool.plan.evidence.curve``).
Intervals are of 90 %.
"""

from typing import Literal

import msgspec

from siotool.plan.evidence.curve import CostCurve, saturating
from siotool.plan.evidence.full_server import FullWork
from siotool.plan.evidence.holds import Load
from siotool.runfile import Pace
from siotool.units import format_size

FILE_NAME = "profile.json"
#: Two starts of one server differ by about these shares, which one calibration cannot show: one standard
#: deviation, about what processes of docs/prediction.md differ by.
CPU_BETWEEN_STARTS, MEMORY_BETWEEN_STARTS = 0.05, 0.08


class CostFigure(msgspec.Struct, frozen=True, kw_only=True):
    """One cost, by the name of its term, in ``unit``.

    ``share`` is the largest part of the server's CPU that it had in any phase. A cost that is not
    ``separable`` is inside those that ``sentence`` names.
    """

    name: str
    words: str
    unit: str
    value: float
    low: float
    high: float
    share: float
    separable: bool = True
    sentence: str = ""

    @property
    def width(self) -> float:
        """Half of its interval, as a share of the value; infinity for a cost of 0."""
        return (self.high - self.low) / 2 / self.value if self.value > 0 else float("inf")


class PhaseFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One phase that was held: what it took, and what the fitted costs say at its pace.

    ``used`` is false where the server was still warming up, or the connections were opened in another way
    than in the rest.
    """

    words: str
    users: int
    seconds: float
    cores: float
    fitted_cores: float
    pace: float
    light: bool
    used: bool
    load: Load


class MemoryFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Resident bytes: base + per_connection × most connections + growth × (1 − exp(−CPU spent ÷ growth_s)).

    To that comes what is ``left_behind`` of each connection that was opened besides as many as were open at
    once at most, for ``left_behind_most`` of them, about: a server that keeps it grows with every user that
    comes and goes.

    ``growth`` is what the server keeps once it has worked for long, whatever its load: a heap that has
    grown, code that was compiled. ``spread`` is by how much the calibration's seconds lay around this,
    as one standard deviation.
    """

    base_bytes: float
    per_connection_bytes: float
    per_connection_low: float
    per_connection_high: float
    growth_bytes: float
    growth_s: float
    left_behind_bytes: float
    left_behind_most: float
    spread_bytes: float

    def resident(self, connections_most: float, spent_s: float, opened_besides: float) -> float:
        """Bytes of a server that had so many connections at most, and has spent so much CPU."""
        grown = self.growth_bytes * float(saturating(spent_s, self.growth_s)) / self.growth_s
        behind = self.left_behind_bytes * float(saturating(opened_besides, self.left_behind_most))
        return self.base_bytes + self.per_connection_bytes * connections_most + grown + behind


class WayFigures(msgspec.Struct, frozen=True):
    """What one connection costs that is opened in another way, in CPU seconds."""

    transport: str
    cost_s: float
    light: bool


class WantedInterval(msgspec.Struct, frozen=True):
    """A cost that was to be known within a share of itself, and how it ended."""

    name: str
    within: float
    width: float | None
    reached: bool
    sentence: str


class MachineFigures(msgspec.Struct, frozen=True):
    """The machine that the generator, and the server beside it, ran on.

    ``cpu`` is the model of its CPUs, empty where it is not known.
    """

    system: str
    cpus: int
    memory_bytes: int
    cpu: str = ""

    @property
    def words(self) -> str:
        """The machine as a reader is told of it."""
        model = f"{self.cpu}, " if self.cpu else ""
        return f"{self.system}, {model}{self.cpus} CPUs, {format_size(self.memory_bytes)}"


class CalibratedProfile(msgspec.Struct, frozen=True, kw_only=True):
    """One server, calibrated. ``replicates`` has one row for each of ``costs``' names that is in ``curve``.

    ``error_cv`` is what a phase that the fit has not seen is off by, as a share of the cores and
    ``floor_cores``. ``usual_pace`` is what fixed work cost while its CPU was measured, in the middle.
    ``measured_to`` is the most of each column of
    a load; ``cores_most`` the most CPU that a phase took. ``seconds`` is how long it took.
    ``server_cores`` are those that the server may fill, ``loop_cores`` what it takes of them when its event
    loops are full, None where nothing shows them. ``full`` is how much a full server does of what its costs
    say, of each kind of work that climbed until it did not keep up. ``doubts`` are why it is ``suspect``.
    """

    version: Literal[1] = 1
    kind: Literal["profile"] = "profile"
    run: str
    started_at: str
    target: str
    transport: str
    scenario: str
    siotool: str
    libraries: dict[str, str]
    machine: MachineFigures
    server: str
    server_cores: float
    loop_cores: float | None = None
    server_memory_bytes: int | None
    seconds: float
    curve: CostCurve
    names: tuple[str, ...]
    replicates: list[list[float]]
    costs: list[CostFigure]
    error_cv: float
    floor_cores: float
    usual_pace: Pace | None
    memory: MemoryFigures | None
    other_ways: list[WayFigures]
    phases: list[PhaseFigures]
    discarded: int
    repeats: int
    measured_to: Load
    cores_most: float
    wanted: list[WantedInterval]
    full: list[FullWork] = []
    valid: Literal["yes", "suspect"] = "yes"
    doubts: list[str] = []
    remarks: list[str]

    @property
    def full_cores(self) -> float:
        """The CPU of a full server: of its event loops where they are known, else all that it may fill."""
        return self.server_cores if self.loop_cores is None else self.loop_cores
