"""What a machine says of itself as a generator of load."""

import platform

import pytest

from siotool.swarm.machines.own_machine import cpu_model, describe

XEON = "processor\t: 0\nmodel\t\t: 106\nmodel name\t: Intel(R) Xeon(R)  Processor @ 2.60GHz\n"


@pytest.mark.parametrize(
    ("listed", "model"),
    [
        pytest.param(XEON, "Intel(R) Xeon(R) Processor @ 2.60GHz", id="as the kernel has it, on one line"),
        pytest.param(XEON + "model name : another\n", "Intel(R) Xeon(R) Processor @ 2.60GHz", id="the first"),
        pytest.param("model name: a\x1b[31mb\n", "a\N{REPLACEMENT CHARACTER}[31mb", id="nothing unprintable"),
        pytest.param(f"model name: {'x' * 99}\n", "x" * 79 + "…", id="too long"),
        pytest.param("CPU part\t: 0xd0c\nmodel name:\n", "its kind", id="none, as on ARM"),
        pytest.param(None, "its kind", id="no such list, as on other systems"),
    ],
)
def test_the_model_of_the_cpu_is_one_line(tmp_path, monkeypatch, listed, model):
    monkeypatch.setattr(platform, "processor", lambda: "its kind")
    cpus = tmp_path / "cpuinfo"
    if listed is not None:
        cpus.write_text(listed, encoding="utf-8")
    assert cpu_model(cpus) == model


def test_a_machine_says_its_cpu():
    own = describe("box", 1)
    assert own.cpu
    assert own == describe("box", 1)
