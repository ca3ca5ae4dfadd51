"""``siotool lab`` as it is typed: what the doctor says, and what is refused before anything starts."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from siotool.cli.lab_doctor import LabDoctor
from siotool.lab.running_lab import RunningLab

SCHEMAS = Path(__file__).parents[2] / "siotool/schemas"


@pytest.mark.parametrize(
    ("kind", "name", "title"),
    [(LabDoctor, "lab_doctor", "siotool lab doctor --format json"), (RunningLab, "lab", "lab.json of a lab")],
)
def test_the_schemas_are_those_of_the_types(kind, name, title, schema_of, golden):
    golden(f"../../siotool/schemas/{name}.json", json.dumps(schema_of(kind, title), indent=2) + "\n")


def test_the_doctor_says_what_is_missing_and_how_to_get_it(siotool, tmp_path):
    done = siotool("lab", "doctor", "--format", "json", PATH=str(tmp_path), XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    jsonschema.validate(found, json.loads((SCHEMAS / "lab_doctor.json").read_text()))
    assert (found["version"], found["enough"]) == (1, False)
    needs = {one["name"]: one for one in found["needs"]}
    assert needs["node"] == {
        "name": "node",
        "use": "the servers",
        "path": "",
        "version": "",
        "problem": "missing",
        "get": "apt install nodejs (18 or newer), or nodejs.org",
    }
    assert needs["@socket.io/redis-adapter"]["get"] == "siotool lab doctor --install"
    text = siotool("lab", "doctor", PATH=str(tmp_path), XDG_CACHE_HOME=str(tmp_path)).stdout
    assert "How to get what is missing" in text
    assert "siotool lab doctor --install" in " ".join(text.split())


def test_the_doctor_of_a_lab_asks_only_for_its_needs_and_exits_2_without_them(siotool, tmp_path):
    (tmp_path / "chat.toml").write_text('[lab]\nadapter = "mongo"\n')
    empty = {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    done = siotool("lab", "doctor", "chat.toml", "--format", "json", cwd=tmp_path, **empty)
    assert done.returncode == 2
    names = [one["name"] for one in json.loads(done.stdout)["needs"]]
    assert names[:2] == ["node", "mongod"]
    assert "nginx" not in names
    (tmp_path / "toxic.toml").write_text("[lab]\ntoxics = true\n")
    done = siotool("lab", "doctor", "toxic.toml", cwd=tmp_path, **empty)
    assert done.returncode == 2
    assert "github.com/Shopify/toxiproxy/releases" in " ".join(done.stdout.split())
    (tmp_path / "fault.toml").write_text('[lab]\n[[fault]]\nat = "1s"\ndo = "latency server-1 5ms"\n')
    done = siotool("lab", "doctor", "fault.toml", "--format", "json", cwd=tmp_path, **empty)
    assert "toxiproxy-server" in [one["name"] for one in json.loads(done.stdout)["needs"]], (
        "as a load test needs"
    )
    (tmp_path / "python.toml").write_text('[lab]\nruntime = "python"\n')
    assert siotool("lab", "doctor", "python.toml", cwd=tmp_path, **empty).returncode == 0
    (tmp_path / "joined.toml").write_text('[lab]\nruntime = "python"\nadapter = "redis"\n')
    done = siotool("lab", "doctor", "joined.toml", "--format", "json", cwd=tmp_path, **empty)
    found = {one["name"]: one["get"] for one in json.loads(done.stdout)["needs"]}
    assert list(found) == ["redis-server", "redis (PyPI)"]
    assert found["redis (PyPI)"] == "pip install 'siotool[lab]'"


@pytest.mark.parametrize("command", [("lab", "up", "chat.toml"), ("loadtest", "lab:chat.toml")], ids=" ".join)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[lab]\nadapter = "redis"\n', "redis-server is not installed"),
        ('[lab]\nadapter = "mongo"\n', "mongod is not installed"),
        ("[lab]\ntoxics = true\n", "toxiproxy-server is not installed, and the lab needs it (toxics:"),
        ("[lab]\nadaptr = 1\n", "chat.toml, line 2: adaptr is not known"),
    ],
    ids=["no Redis", "no MongoDB", "no Toxiproxy", "an unknown key"],
)
def test_a_lab_that_cannot_be_is_refused_before_anything_is_written(command, text, said, siotool, tmp_path):
    (tmp_path / "chat.toml").write_text(text)
    bin = tmp_path / "bin"
    bin.mkdir()
    (bin / "node").write_text("#!/bin/sh\n")
    (bin / "node").chmod(0o755)
    done = siotool(*command, cwd=tmp_path, PATH=str(bin))
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert said in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "chat.toml"]


@pytest.mark.parametrize("command", [("lab", "up", "chat.toml"), ("loadtest", "lab:chat.toml")], ids=" ".join)
def test_a_port_that_is_held_is_refused_before_anything_is_written(command, siotool, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        (tmp_path / "chat.toml").write_text(f'[lab]\nruntime = "python"\nport = {port}\n')
        done = siotool(*command, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert f"port {port} of 127.0.0.1 cannot be used" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["chat.toml"]


@pytest.mark.parametrize(
    ("do", "said"),
    [
        ("kill", "names no part of the lab"),
        ("kill mongo", "the lab has no mongo"),
        ("kill server-1,server-2", "the lab has no server-1,server-2"),
    ],
)
def test_a_fault_that_a_lab_cannot_take_is_refused_before_anything_is_written(do, said, tmp_path):
    """In a process of its own, as Locust patches the one that it is loaded in."""
    fault = f'[[fault]]\nat = "1s"\ndo = "{do}"\n'
    (tmp_path / "chat.toml").write_text(f'[lab]\nruntime = "python"\nservers = 2\n{fault}')
    command = [sys.executable, "-m", "siotool", "loadtest", "lab:chat.toml", "--run-time", "5s"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert said in " ".join(done.stderr.split())
    assert [path.name for path in tmp_path.iterdir()] == ["chat.toml"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("lab:",), "lab: names no file"),
        (("lab:a.toml", "http://127.0.0.1:1"), "a lab beside another target"),
        (("lab:a.toml", "lab:b.toml"), "a lab beside another target"),
        (("lab:none.toml",), "cannot read none.toml"),
    ],
)
def test_a_target_that_is_no_lab_is_refused(typed, said, siotool, tmp_path):
    done = siotool("loadtest", *typed, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
