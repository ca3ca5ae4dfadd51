"""Places for connections that others hand out: ports, connection tracking, balancer targets."""

from siotool.plan.numbers import N, maximum

#: What Linux lends outgoing connections by default (ip_local_port_range).
LINUX_PORTS = (32_768, 60_999)

#: An AWS NLB without client-IP preservation, per target and port; also a NAT gateway, per destination.
#: https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-troubleshooting.html
AWS_CONNECTIONS = 55_000.0


def ports_between(first: N, last: N) -> N:
    """Return the connections one address can open to one address and port: a port each."""
    return maximum(last - first + 1.0, 0.0)
