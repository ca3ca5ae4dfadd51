"""What a kind of load balancer can place on one server, where it is published.

A proxy opens a connection of its own for each client, from one of its ports. LVS forwards
packets with the clients' own addresses, and a managed ALB adds addresses as it grows: neither
sets a limit here.
"""

from collections.abc import Mapping
from types import MappingProxyType

from siotool.plan.inputs.figure import Figure
from siotool.plan.inputs.provenance import Provenance

BALANCERS = ("none", "lvs", "nginx", "haproxy", "nlb", "alb")

#: What Linux lends outgoing connections by default (ip_local_port_range): a connection takes one.
LINUX_PORTS = (32_768, 60_999)
#: An AWS NLB without client-IP preservation, per target and port; also a NAT gateway, per destination.
AWS_CONNECTIONS = 55_000.0

_LINUX = (
    LINUX_PORTS[1] - LINUX_PORTS[0] + 1.0,
    "Linux gives outgoing connections ports 32768 to 60999 (https://socket.io/docs/v4/performance-tuning/)",
)
_NLB = (
    AWS_CONNECTIONS,
    "per target and port without client-IP preservation "
    "(https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-troubleshooting.html)",
)

#: Ports for one server port and source address, with their source.
_PORTS: Mapping[str, tuple[float, str]] = MappingProxyType({"nginx": _LINUX, "haproxy": _LINUX, "nlb": _NLB})


def published(name: str) -> dict[str, Figure]:
    """Return the figures that a balancer brings with it, by key of the plan file."""
    if name not in _PORTS:
        return {}
    ports, source = _PORTS[name]
    return {"topology.balancer_ports": Figure(ports, Provenance("published", source))}
