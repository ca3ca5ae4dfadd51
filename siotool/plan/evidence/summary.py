"""What a plan shows of the runs behind it: costs, the fit against the data, and how far it goes beyond."""

from collections.abc import Callable

from siotool.plan.constraints.bandwidth import consumption_rate
from siotool.plan.evaluation.evaluate import Evaluation
from siotool.plan.evidence.observe import Observations
from siotool.plan.evidence.profile import ServerProfile, extrapolation
from siotool.plan.evidence.usl import fit_usl, points
from siotool.plan.model import Evidence, MeasuredCost, Scaling
from siotool.units import format_count

#: Node counts that a law with three parameters needs.
_LEAST_NODE_COUNTS = 4


def describe(
    profile: ServerProfile, observations: Observations, seed: int
) -> Callable[[Evaluation[float]], Evidence]:
    """Return a function that describes the evidence for a plan once it has been evaluated."""

    def of(evaluation: Evaluation[float]) -> Evidence:
        beyond = extrapolation(profile, load_per_server(evaluation))
        return Evidence(
            runs=list(profile.runs),
            costs=[
                MeasuredCost(name, one.unit, one.value, one.low, one.high, one.how)
                for name, one in profile.figures.items()
            ],
            residual_sd_cores=float(profile.cpu.residual_sd_cores),
            lag1=float(profile.cpu.lag1),
            explained=float(profile.cpu.explained),
            observed_cores=[float(value) for value in profile.cpu.observed],
            predicted_cores=[float(value) for value in profile.cpu.predicted],
            remarks=list(dict.fromkeys(_remarks(profile))),
            extrapolation=beyond.factor if beyond.factor < float("inf") else None,
            beyond=list(beyond.sentences),
            scaling=_scaling(observations, seed),
        )

    return of


def _remarks(profile: ServerProfile) -> list[str]:
    return [*profile.remarks, *(one.sentence for one in (*profile.absorbed, *profile.absent))]


def load_per_server(evaluation: Evaluation[float]) -> dict[str, float]:
    """The load of one server in service, by the names of ``Observations``' columns."""
    servers, demand = evaluation.needed, evaluation.world.demand
    if not 0 < servers < float("inf"):
        return {}
    rate = consumption_rate(evaluation.world)
    whole = {
        "connections": demand.connections,
        "inbound_per_s": demand.inbound_per_s,
        "acks_per_s": demand.answers_per_s,
        "deliveries_per_s": demand.deliveries_per_s,
        "handshakes_per_s": demand.new_per_s,
        "bytes_per_s": demand.connections * rate if rate is not None else 0.0,
    }
    return {column: float(amount) / servers for column, amount in whole.items()}


def _scaling(observations: Observations, seed: int) -> Scaling | None:
    if len({origin.nodes for origin in observations.origins}) < _LEAST_NODE_COUNTS:
        return None
    fit = fit_usl(*points(observations), seed)
    far = "at any number of nodes"
    if fit.trusted_to < float("inf"):
        far = f"up to {format_count(fit.trusted_to)} nodes"
    return Scaling(
        alpha=fit.law.alpha,
        beta=fit.law.beta,
        gamma=fit.law.gamma,
        trusted_nodes=fit.trusted_to if fit.trusted_to < float("inf") else None,
        sentence=(
            f"Over several nodes: contention {fit.law.alpha:.3g}, coherency {fit.law.beta:.3g}, to be "
            f"trusted {far}: {fit.why}."
        ),
    )
