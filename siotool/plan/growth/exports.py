"""The plan as autoscaler manifests: a HorizontalPodAutoscaler, and a ScaledObject of KEDA.

Both scale on connections, not on CPU: what limits a Socket.IO server is rarely the CPU of
the host, and connections are what the plan counts. The manifests are the templates beside
this file. Fields and their bounds are those of autoscaling/v2 (kubernetes/kubernetes,
pkg/apis/autoscaling/v2 and its validation) and of keda.sh/v1alpha1
(https://keda.sh/docs/latest/reference/scaledobject-spec/ and .../scalers/prometheus/).
"""

import math
import re
from collections.abc import Sequence

import msgspec

from siotool.errors import InputError
from siotool.printable import one_line
from siotool.yaml_template import filled

#: The autoscaler leaves the replicas as they are while the metric is this close to its target:
#: --horizontal-pod-autoscaler-tolerance, https://kubernetes.io/blog/2025/04/28/
#: kubernetes-v1-33-hpa-configurable-tolerance/
TOLERANCE = 0.1

#: The gauge of socket.io-prometheus and socket.io-prometheus-metrics on npm.
_METRIC = "socket_io_connected"

_MOST_REPLICAS = 2**31 - 1


class Autoscaling(msgspec.Struct, frozen=True):
    """What both manifests say of the Deployment ``target``.

    ``connections_per_pod`` is the most one pod may hold. ``figures`` are lines on where the
    numbers come from; they become comments.
    """

    target: str
    min_replicas: int
    max_replicas: int
    connections_per_pod: float
    namespace: str = "default"
    figures: Sequence[str] = ()


def target_per_pod(connections_per_pod: float) -> int:
    """Return the average per pod to aim at, so that the tolerance above it is still safe.

    The autoscaler adds no pod before the average is more than ``TOLERANCE`` above the
    target. Raises InputError when not even one connection fits.
    """
    if not math.isfinite(connections_per_pod):
        raise InputError(f"{connections_per_pod} connections per pod are not a number of connections")
    target = math.floor(connections_per_pod / (1 + TOLERANCE) + 1e-9)
    if target < 1:
        raise InputError(
            f"{connections_per_pod:g} connections per pod are too few to scale on",
            f"a pod must hold more than {1 + TOLERANCE:g}: the autoscaler tolerates {100 * TOLERANCE:g} %",
        )
    return target


def manifest(kind: str, scaling: Autoscaling, prometheus: str = "") -> str:
    """Write ``hpa``, a HorizontalPodAutoscaler on a Pods metric, or ``keda``, a ScaledObject on Prometheus.

    The Pods metric must be served by the custom metrics API (prometheus-adapter or the like).
    ``prometheus`` is Prometheus' URL, for KEDA alone. Raises InputError for a name or a number
    that Kubernetes would refuse.
    """
    _check_name(scaling.target, "the workload's name", _SUBDOMAIN, 253)
    _check_name(scaling.namespace, "the namespace", _LABEL, 63)
    _check_replicas(scaling.min_replicas, 1, "the fewest replicas")
    _check_replicas(scaling.max_replicas, scaling.min_replicas, "the most replicas")
    if kind == "keda" and not re.fullmatch(r"https?://[^\s/?#]+(/[^\s]*)?", prometheus):
        raise InputError(
            f"{prometheus!r} is not the address of a Prometheus server",
            "write it like http://prometheus.monitoring:9090",
        )
    return filled(
        "siotool.plan.growth",
        f"{kind}.yaml",
        {"comment": one_line},  # stays one line, whatever a reader of YAML takes for a line break
        scaling=scaling,
        target=target_per_pod(scaling.connections_per_pod),
        holds=f"{math.floor(scaling.connections_per_pod):,}",
        tolerated=f"{100 * TOLERANCE:g}",
        metric=_METRIC,
        prometheus=prometheus,
        query=query(scaling),
    )


def query(scaling: Autoscaling) -> str:
    """Return the PromQL that sums connections over the Deployment's pods, found by their names."""
    pods = scaling.target.replace(".", r"\\.") + "-[a-z0-9]+-[a-z0-9]{5}"
    return f'sum({_METRIC}{{namespace="{scaling.namespace}",pod=~"{pods}"}})'


def _check_replicas(count: int, fewest: int, what: str) -> None:
    if not fewest <= count <= _MOST_REPLICAS:
        raise InputError(f"{what}: {count:,}; expected {fewest:,} to {_MOST_REPLICAS:,}")


_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_SUBDOMAIN = re.compile(rf"{_LABEL.pattern}(\.{_LABEL.pattern})*")


def _check_name(name: str, what: str, pattern: re.Pattern[str], longest: int) -> None:
    if not pattern.fullmatch(name) or len(name) > longest:
        raise InputError(
            f"{what}: {name!r} is not a Kubernetes name",
            "a-z, 0-9 and -, beginning and ending with a letter or digit, "
            f"at most {longest} of them (RFC 1123)",
        )
