"""What ``siotool lab measure`` says of an adapter: the form of its ``profile.json``.

Costs are CPU seconds of one core at the pace of the measurement. Intervals are of 90 %.
"""

from typing import Literal

import msgspec

from siotool.plan.evidence.adapter_laws_seen import LawSeen
from siotool.plan.evidence.calibrated import CostFigure, MachineFigures

#: Costs of turns of an event loop, of which there are no more than so many per second.
TURNS = ("turn", "turn_for_others")


def asked_of_lab(adapter: str) -> str:
    """The options by which ``siotool lab measure`` measures what a plan calls so."""
    own = adapter.removeprefix("python-")
    return f"--adapter {own}" if own == adapter else f"--runtime python --adapter {own}"


class SideCosts(msgspec.Struct, frozen=True):
    """The costs of a server, or of the backend; ``replicates`` has one row for each of ``names``.

    ``costs`` has those, too, that are inside others. ``turns_most`` are the turns per second that a busy
    loop makes.
    """

    names: tuple[str, ...]
    replicates: list[list[float]]
    costs: list[CostFigure]
    turns_most: float


class FleetFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One fleet over all its phases: means per second, of one server, and of the backend.

    ``machine_most`` is the largest share of the machine's CPUs that a phase took. ``work_per_core_s`` are
    messages read and written for each second of CPU. ``fitted``: its phases are behind the costs.
    """

    servers: int
    published_per_s: float
    received_per_s: float
    delivered_per_s: float
    cores: float
    backend_cores: float | None
    machine_most: float
    work_per_core_s: float
    fitted: bool


class FleetPrediction(msgspec.Struct, frozen=True, kw_only=True):
    """The CPU of one fleet as the others predict it: of a server, or of the backend, over all phases.

    ``error`` is the prediction over what was measured, less one; ``worst`` that of the phase which is
    farthest off, of those that took more than a clock shows.
    """

    servers: int
    side: Literal["server", "backend"]
    measured_cores: float
    predicted_cores: float
    error: float
    worst: float


class ScalingFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The scalability law (``siotool.plan.evidence.usl``) of the work that fleets of so many servers do.

    ``trusted_nodes`` is the most to predict for, None where the peak was passed; ``why`` says so.
    ``costs_times`` is, for 1 server, 2 and so on up to the most measured, how many times the work of one they
    do by the costs; empty in a profile that is older than this.
    """

    alpha: float
    alpha_low: float
    alpha_high: float
    beta: float
    beta_low: float
    beta_high: float
    gamma: float
    peak_nodes: float | None
    trusted_nodes: float | None = None
    why: str
    costs_times: list[float] = []


class MeasuredPhase(msgspec.Struct, frozen=True, kw_only=True):
    """One phase of one fleet: what was done, and what it took."""

    servers: int
    words: str
    published_per_s: float
    cores: float
    fitted_cores: float
    backend_cores: float | None
    machine_share: float


class AdapterProfile(msgspec.Struct, frozen=True, kw_only=True):
    """One adapter, measured. ``rate_per_s`` are the most publishes per second that were asked for.

    ``versions`` are those of the lab's packages and programs. ``measured_to`` is the most of each column of a
    server's load, ``receivers`` how many servers received a publish in the largest fleet.
    ``doubts`` are reasons not to believe the figures.
    """

    version: Literal[1] = 1
    kind: Literal["adapter"] = "adapter"
    run: str
    adapter: str
    law: str
    started_at: str
    siotool: str
    versions: dict[str, str]
    machine: MachineFigures
    rate_per_s: float
    users: int
    seconds: float
    receivers: float
    measured_to: dict[str, float]
    server: SideCosts
    backend: SideCosts | None
    fleets: list[FleetFigures]
    laws: list[LawSeen]
    predictions: list[FleetPrediction]
    scaling: ScalingFigures | None
    phases: list[MeasuredPhase]
    doubts: list[str]
    remarks: list[str]

    @property
    def law_holds(self) -> bool:
        """Whether all fleets received what the law says."""
        return all(one.holds for one in self.laws)
