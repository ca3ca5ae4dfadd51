"""Places for connections that others hand out: ports, connection tracking, balancer targets."""

from siotool.plan.numbers import N, maximum, minimum

#: What Linux lends outgoing connections by default (ip_local_port_range), and what Socket.IO's
#: manual widens it to, https://socket.io/docs/v4/performance-tuning/.
LINUX_PORTS = (32_768, 60_999)
WIDE_PORTS = (10_000, 65_535)

#: An AWS NLB without client-IP preservation, per target and port; also a NAT gateway, per destination.
#: https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-troubleshooting.html
AWS_CONNECTIONS = 55_000.0


def ports_between(first: N, last: N) -> N:
    """Return the connections one address can open to one address and port: a port each."""
    return maximum(last - first + 1.0, 0.0)


def kube_proxy_conntrack(cores: N) -> N:
    """Return the entries of a Kubernetes node's conntrack table as kube-proxy sets it.

    32,768 a core, at least 131,072, and in newer versions at most 1,048,576
    (https://github.com/kubernetes/kubernetes, pkg/proxy/conntrack).
    """
    return minimum(maximum(32_768.0 * cores, 131_072.0), 1_048_576.0)
