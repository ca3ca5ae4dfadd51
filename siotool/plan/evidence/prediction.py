"""What a plan's figures predict for the load that a run carried: to be held against what it saw."""

from collections.abc import Mapping

import numpy as np

from siotool.plan.demand import framing
from siotool.plan.evidence.observe import Floats, Observations
from siotool.plan.evidence.verify import load_of
from siotool.plan.figures.inputs import Inputs
from siotool.plan.numbers import Number
from siotool.plan.uncertainty.worlds import uncertain
from siotool.plan.wire.messages import heartbeat_rates

_COSTS = (
    ("connections", "server.idle_cost"),
    ("inbound_per_s", "server.inbound_cost"),
    ("deliveries_per_s", "server.delivery_cost"),
    ("bytes_per_s", "server.byte_cost"),
    ("handshakes_per_s", "server.connect_cost"),
)


def predict(inputs: Inputs, observations: Observations, *, draws: int, seed: int) -> dict[str, Floats]:
    """Return draws of CPU, memory, files and connections for one run's load, by ``verify``'s names.

    ``inputs`` are complete. Figures that the plan lacks leave their row out. An idle run's
    bandwidth is predicted too: heartbeats are all it carries.
    """
    values = uncertain(inputs, seed).draw(draws)
    origin, load = observations.origins[0], load_of(observations)
    users = float(origin.users)
    predicted: dict[str, Floats] = {"connections": _array(users, draws)}
    if any(key in values for _, key in _COSTS):
        cores: Number = values.get("server.base_cost", 0.0) * origin.cores
        for column, key in _COSTS:
            cores = cores + values.get(key, 0.0) * load[column]
        predicted["cpu"] = _array(cores, draws)
    if "server.memory_per_connection" in values:
        base = values.get("server.memory_base", 0.0) * origin.cores
        predicted["memory"] = _array(base + values["server.memory_per_connection"] * users, draws)
    if origin.scenario == "idle":
        predicted |= _idle_bandwidth(inputs, values, users, draws)
    return predicted


def _idle_bandwidth(
    inputs: Inputs, values: Mapping[str, Number], users: float, draws: int
) -> dict[str, Floats]:
    rates = heartbeat_rates(framing(inputs, "websocket"), values["transport.ping_interval"]) * users
    return {
        "bandwidth_in": _array(rates.to_client.tcp, draws),
        "bandwidth_out": _array(rates.to_server.tcp, draws),
    }


def _array(value: Number, draws: int) -> Floats:
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (draws,)).copy()
