"""``--charts DIR``: every chart of a report or a plan as SVG and PNG, or a refusal at once."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

RUN = Path(__file__).parents[1] / "golden/report/echo.jsonl"
FORMULA = ["plan", "--connections", "50k..80k", "--consumption-rate", "2KB/s", "--capacity", "1Gbit/s"]


@pytest.mark.slow
def test_every_chart_of_a_report_is_a_picture_under_a_stable_name(siotool, tmp_path):
    folder = tmp_path / "new" / "charts"
    # trap: what lies in the charts' folder, or above it, was refused: it is made before
    done = siotool("report", RUN, "--charts", folder, "--comment", tmp_path / "new" / "comment.md")
    assert done.returncode == 0
    assert "Sizing: planned and measured" in done.stdout
    assert (tmp_path / "new" / "comment.md").exists()
    assert {path.name for path in folder.iterdir()} == {
        f"{name}.{kind}"
        for kind in ("svg", "png")
        for name in (
            *("connections", "rates", "times-connect-websocket", "times-ack-echo", "bandwidth"),
            *("server-cpu", "server-memory", "generator-cpu", "generator-lag"),
        )
    }
    for picture in folder.glob("*.svg"):
        drawn = picture.read_text()
        ElementTree.fromstring(drawn)
        assert re.search(r'class="mark-(line|symbol) role-mark[^>]*>\s*<path', drawn), picture
    assert "Users and connections" in (folder / "connections.svg").read_text()
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in folder.glob("*.png"))


@pytest.mark.slow
def test_a_plan_draws_its_charts_and_writes_the_same_text(siotool, tmp_path):
    plain = siotool(*FORMULA).stdout
    done = siotool(*FORMULA, "--charts", tmp_path)
    assert done.stdout == plain
    assert {path.name for path in tmp_path.iterdir()} >= {"chances.svg", "chances.png", "response-0.svg"}


@pytest.mark.parametrize("command", [["report", "no/such/run"], FORMULA], ids=["report", "plan"])
def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_read(siotool, tmp_path, command):
    (tmp_path / "file").write_text("in the way")
    done = siotool(*command, "--charts", tmp_path / "file")
    assert done.returncode == 2
    assert done.stdout == ""
    assert f"--charts {tmp_path / 'file'}: nothing can be written there" in done.stderr


def test_what_has_no_charts_says_so(siotool, tmp_path):
    done = siotool(*FORMULA, "--format", "hpa", "--deployment", "chat", "--charts", tmp_path)
    assert done.returncode == 2
    assert "--charts has nothing to draw of hpa" in done.stderr
