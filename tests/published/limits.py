"""Limits of operating systems and cloud services: ports, tables, TLS, billed units."""

from collections.abc import Iterator

from siotool.plan.inputs.balancers import AWS_CONNECTIONS, LINUX_PORTS
from siotool.plan.inputs.costs import priors
from siotool.plan.money.cost import CAPACITY_UNITS, capacity_units
from siotool.plan.numbers import Number, divide, maximum, minimum, whole
from tests.published.check import Check, Table
from tests.published.headroom import headroom
from tests.published.queues import occupancy

PORTS = Table("Ports", "https://socket.io/docs/v4/performance-tuning/")
NLB = Table(
    "AWS NLB",
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-troubleshooting.html",
)
NAT = Table("AWS NAT gateway", "https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html")
CONNTRACK = Table("kube-proxy", "https://github.com/kubernetes/kubernetes (pkg/proxy/conntrack)")
TLS = Table("TLS", "https://www.nginx.com/blog/nginx-ssl-performance")
LCU = Table("AWS ALB", "https://aws.amazon.com/elasticloadbalancing/pricing/")
GATEWAY = Table(
    "AWS API Gateway",
    "https://docs.aws.amazon.com/apigateway/latest/developerguide/"
    "apigateway-execution-service-websocket-limits-table.html",
)


#: What Socket.IO's manual widens Linux's range of ports to.
WIDE_PORTS = (10_000, 65_535)


def _ports(first: float, last: float) -> float:
    return last - first + 1.0


def kube_proxy_conntrack(cores: Number) -> Number:
    """Return the entries of a Kubernetes node's conntrack table as kube-proxy sets it.

    32,768 a core, at least 131,072, and in newer versions at most 1,048,576
    (https://github.com/kubernetes/kubernetes, pkg/proxy/conntrack).
    """
    return minimum(maximum(32_768.0 * cores, 131_072.0), 1_048_576.0)


def checks() -> Iterator[Check]:
    """Yield every limit that the planner computes with."""
    yield PORTS.rounded("32768–60999, connections", 28_000, 1_000, _ports(*LINUX_PORTS))
    # 55,536, which the page calls 55,000
    yield PORTS.between("10000–65535, connections", "55k", 55_000, 56_000, _ports(*WIDE_PORTS))
    yield NLB.rounded("targets for a million connections", 19, 0, whole(divide(1e6, AWS_CONNECTIONS)))
    yield NLB.rounded("connections of 18 targets", 990_000, 0, 18 * AWS_CONNECTIONS)
    # 900 new connections a second, each holding its port for a minute
    yield NAT.rounded("connections at 900/s for 60 s, thousands", 55, 2, occupancy(900.0, 60.0) / 1e3)
    for cores, entries in ((1, 131_072), (4, 131_072), (16, 524_288), (64, 1_048_576)):
        yield CONNTRACK.rounded(f"{cores} cores, entries", entries, 0, kube_proxy_conntrack(float(cores)))
    handshake = priors("node-ws")["server.tls_connect_cost"]
    for name, cost_s, printed in (("RSA-2048", handshake.high, 350), ("ECDSA P-256", handshake.low, 2_000)):
        rate = headroom({"core": cost_s}, {"core": 1.0}).factor
        yield TLS.rounded(f"{name}, handshakes/s of a core", printed, 10, rate)
    for what, new_per_s, active, bytes_per_s, printed in (
        ("a million idle connections", 0.0, 1e6, 0.0, 334),
        ("25 new connections/s", 25.0, 0.0, 0.0, 1),
        ("3,000 active connections", 0.0, 3_000.0, 0.0, 1),
        ("1 GB an hour", 0.0, 0.0, 1e9 / 3600, 1),
    ):
        units = capacity_units(CAPACITY_UNITS["alb"], new_per_s, active, bytes_per_s)
        yield LCU.rounded(f"{what}, LCU", printed, 0, whole(units))
    yield GATEWAY.rounded("connections at 500/s for two hours", 3_600_000, 0, occupancy(500.0, 7_200.0))
