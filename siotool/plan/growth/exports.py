"""The plan as autoscaler manifests: a HorizontalPodAutoscaler, and a ScaledObject of KEDA.

Both scale on connections, not on CPU: what limits a Socket.IO server is rarely the CPU of
the host, and connections are what the plan counts. Fields and their bounds are those of
autoscaling/v2 (kubernetes/kubernetes, pkg/apis/autoscaling/v2 and its validation) and of
keda.sh/v1alpha1 (https://keda.sh/docs/latest/reference/scaledobject-spec/ and
.../scalers/prometheus/).
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from siotool.errors import InputError

#: The autoscaler leaves the replicas as they are while the metric is this close to its target:
#: --horizontal-pod-autoscaler-tolerance, https://kubernetes.io/blog/2025/04/28/
#: kubernetes-v1-33-hpa-configurable-tolerance/
TOLERANCE = 0.1

#: The gauge of socket.io-prometheus and socket.io-prometheus-metrics on npm.
CONNECTED_METRIC = "socket_io_connected"

_MOST_REPLICAS = 2**31 - 1
_MOST_WINDOW_S = 3600  # MaxStabilizationWindowSeconds in Kubernetes' validation
_MOST_PERIOD_S = 1800  # MaxPeriodSeconds, likewise


class Autoscaling(msgspec.Struct, frozen=True):
    """What both manifests say.

    ``target`` is the workload that is scaled, ``name`` the manifest's own (``target`` when
    empty). ``connections_per_pod`` is the most one pod may hold. At most
    ``scale_down_pods`` pods go every ``scale_down_period_s``, once fewer were enough for
    ``scale_down_window_s``: each takes its connections with it, and all of them reconnect.
    ``figures`` are lines on where the numbers come from; they become comments.
    """

    target: str
    min_replicas: int
    max_replicas: int
    connections_per_pod: float
    name: str = ""
    namespace: str = "default"
    target_kind: Literal["Deployment", "StatefulSet"] = "Deployment"
    scale_down_window_s: int = 300
    scale_down_pods: int = 1
    scale_down_period_s: int = 60
    figures: Sequence[str] = ()


def target_per_pod(connections_per_pod: float, tolerance: float = TOLERANCE) -> int:
    """Return the average per pod to aim at, so that the tolerance above it is still safe.

    The autoscaler adds no pod before the average is more than ``tolerance`` above the
    target. Raises InputError when not even one connection fits.
    """
    if not math.isfinite(connections_per_pod):
        raise InputError(f"{connections_per_pod} connections per pod are no number of connections")
    target = math.floor(connections_per_pod / (1 + tolerance) + 1e-9)
    if target < 1:
        raise InputError(
            f"{connections_per_pod:g} connections per pod are too few to scale on",
            f"a pod must hold more than {1 + tolerance:g}: the autoscaler tolerates {100 * tolerance:g} %",
        )
    return target


def hpa_manifest(scaling: Autoscaling, metric: str = CONNECTED_METRIC) -> str:
    """Write a HorizontalPodAutoscaler on a Pods metric, as YAML.

    ``metric`` must be served by the custom metrics API (prometheus-adapter or the like).
    Raises InputError for a name or a number that Kubernetes would refuse.
    """
    _check(scaling)
    _check_metric(metric)
    target = target_per_pod(scaling.connections_per_pod)
    manifest = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": _metadata(scaling),
        "spec": {
            "scaleTargetRef": _target_reference(scaling),
            "minReplicas": scaling.min_replicas,
            "maxReplicas": scaling.max_replicas,
            "metrics": [
                {
                    "type": "Pods",
                    "pods": {
                        "metric": {"name": metric},
                        "target": {"type": "AverageValue", "averageValue": str(target)},
                    },
                }
            ],
            "behavior": _behavior(scaling),
        },
    }
    return _comments(scaling, target) + "\n".join(_yaml(manifest)) + "\n"


def keda_manifest(scaling: Autoscaling, server_address: str, query: str = "") -> str:
    """Write a KEDA ScaledObject with a prometheus trigger, as YAML.

    ``server_address`` is Prometheus' URL; ``query`` must return one number, the
    connections of all pods, and is the sum of socket_io_connected when empty. Without
    connections to count, the fleet goes to its full size rather than to its smallest:
    KEDA would otherwise take a lost Prometheus target for zero connections.
    Raises InputError for a name or a number that Kubernetes would refuse.
    """
    _check(scaling)
    if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s]*)?", server_address):
        raise InputError(
            f"{server_address!r} is no address of a Prometheus server",
            "write it like http://prometheus.monitoring:9090",
        )
    query = query or default_query(scaling)
    if not query.isprintable():
        raise InputError("the query has a line break or a control character", "write it on one line")
    target = target_per_pod(scaling.connections_per_pod)
    manifest = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": _metadata(scaling),
        "spec": {
            "scaleTargetRef": _target_reference(scaling),
            "minReplicaCount": scaling.min_replicas,
            "maxReplicaCount": scaling.max_replicas,
            "fallback": {"failureThreshold": 3, "replicas": scaling.max_replicas},
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": _behavior(scaling)}},
            "triggers": [
                {
                    "type": "prometheus",
                    "metricType": "AverageValue",
                    "metadata": {
                        "serverAddress": server_address,
                        "query": query,
                        "threshold": str(target),
                        "ignoreNullValues": "false",
                    },
                }
            ],
        },
    }
    return _comments(scaling, target) + "\n".join(_yaml(manifest)) + "\n"


def default_query(scaling: Autoscaling, metric: str = CONNECTED_METRIC) -> str:
    """Return the PromQL that sums connections over the workload's pods, found by their names."""
    _check_metric(metric)
    suffix = "[0-9]+" if scaling.target_kind == "StatefulSet" else "[a-z0-9]+-[a-z0-9]{5}"
    pods = scaling.target.replace(".", r"\\.") + "-" + suffix
    return f'sum({metric}{{namespace="{scaling.namespace}",pod=~"{pods}"}})'


def _metadata(scaling: Autoscaling) -> dict[str, Any]:
    return {"name": scaling.name or scaling.target, "namespace": scaling.namespace}


def _target_reference(scaling: Autoscaling) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": scaling.target_kind, "name": scaling.target}


def _behavior(scaling: Autoscaling) -> dict[str, Any]:
    """Scale up as Kubernetes does by default, written out; scale down a few pods at a time."""
    return {
        "scaleUp": {
            "stabilizationWindowSeconds": 0,
            "selectPolicy": "Max",
            "policies": [
                {"type": "Percent", "value": 100, "periodSeconds": 15},
                {"type": "Pods", "value": 4, "periodSeconds": 15},
            ],
        },
        "scaleDown": {
            "stabilizationWindowSeconds": scaling.scale_down_window_s,
            "selectPolicy": "Max",
            "policies": [
                {
                    "type": "Pods",
                    "value": scaling.scale_down_pods,
                    "periodSeconds": scaling.scale_down_period_s,
                }
            ],
        },
    }


def _comments(scaling: Autoscaling, target: int) -> str:
    lines = [
        "Written by siotool plan.",
        *scaling.figures,
        f"A pod is to hold {math.floor(scaling.connections_per_pod):,} connections. The autoscaler tolerates "
        f"{100 * TOLERANCE:g} % above its target,",
        f"so the target is {target:,}.",
        "New pods get new connections only: those that are open stay where they are.",
        f"Each pod removed sends up to {math.floor(scaling.connections_per_pod):,} clients reconnecting.",
    ]
    # whatever a reader of YAML takes for a line break starts a new comment, not a new key
    return "".join(f"# {_printable(part)}\n" for line in lines for part in line.splitlines() or [""])


def _printable(line: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in line).rstrip()


def _check(scaling: Autoscaling) -> None:
    _check_name(scaling.target, "the workload's name")
    _check_name(scaling.name or scaling.target, "the manifest's name")
    if not _LABEL.fullmatch(scaling.namespace) or len(scaling.namespace) > 63:
        raise _bad_name(scaling.namespace, "the namespace", 63)
    _check_range(scaling.min_replicas, 1, _MOST_REPLICAS, "the fewest replicas")
    _check_range(scaling.max_replicas, scaling.min_replicas, _MOST_REPLICAS, "the most replicas")
    _check_range(scaling.scale_down_window_s, 0, _MOST_WINDOW_S, "the scale-down window in seconds")
    _check_range(scaling.scale_down_pods, 1, _MOST_REPLICAS, "the pods removed at once")
    _check_range(scaling.scale_down_period_s, 1, _MOST_PERIOD_S, "the scale-down period in seconds")


def _check_range(value: int, low: int, high: int, what: str) -> None:
    if not low <= value <= high:
        raise InputError(f"{what}: {value:,}; expected {low:,} to {high:,}")


_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_SUBDOMAIN = re.compile(rf"{_LABEL.pattern}(\.{_LABEL.pattern})*")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def _check_name(name: str, what: str) -> None:
    if not _SUBDOMAIN.fullmatch(name) or len(name) > 253:
        raise _bad_name(name, what, 253)


def _bad_name(name: str, what: str, longest: int) -> InputError:
    return InputError(
        f"{what}: {name!r} is no name of Kubernetes",
        f"a-z, 0-9 and -, beginning and ending with a letter or digit, at most {longest} of them (RFC 1123)",
    )


def _check_metric(metric: str) -> None:
    if not _METRIC.fullmatch(metric):
        raise InputError(f"{metric!r} is no name of a metric", f"write it like {CONNECTED_METRIC}")


def _yaml(value: Any, indent: str = "") -> Iterator[str]:
    """Lines of YAML for mappings, lists, text and whole numbers; text is quoted unless it is plain."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if isinstance(inner, Mapping | list):
                yield f"{indent}{key}:"
                yield from _yaml(inner, indent + "  ")
            else:
                yield f"{indent}{key}: {_scalar(inner)}"
        return
    for item in value:
        lines = list(_yaml(item, indent + "  "))
        yield f"{indent}- {lines[0].lstrip()}"
        yield from lines[1:]


#: Text that no version of YAML takes for anything else: "no", "on", "1e3" and "12:30" are quoted.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9]*([./_-][A-Za-z0-9]+)*")
_RESERVED = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def _scalar(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _RESERVED:
        return value
    return json.dumps(value)  # a string of JSON is one of YAML
