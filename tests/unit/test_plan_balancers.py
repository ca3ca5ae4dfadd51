import pytest

from siotool.plan.inputs import compose, planfile
from siotool.plan.inputs.balancers import BALANCERS, published


@pytest.mark.parametrize(
    ("name", "ports"),
    [
        pytest.param("nginx", 28_232, id="a proxy on Linux has the ports of one address"),
        pytest.param("haproxy", 28_232, id="whichever proxy it is"),
        pytest.param("nlb", 55_000, id="an NLB places so many on a target"),
    ],
)
def test_what_a_balancer_places_on_one_server_port(name, ports):
    figure = published(name)["topology.balancer_ports"]
    assert figure.value == ports
    assert figure.provenance.kind == "published"
    assert "https://" in figure.provenance.detail


@pytest.mark.parametrize("name", sorted(set(BALANCERS) - {"nginx", "haproxy", "nlb"}))
def test_the_others_set_no_limit(name):
    assert published(name) == {}


def test_what_the_plan_file_says_counts_more_than_what_is_published():
    text = '[workload]\nconnections = "1k"\n[topology]\nbalancer = "nginx"\nbalancer_ports = 55536\n'
    assert compose.complete(planfile.decode(text, "x")).figures["topology.balancer_ports"].value == 55_536
