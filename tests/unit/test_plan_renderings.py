"""What one form of a plan says, all say; and on any terminal, names are whole."""

import html
import json

import msgspec
import pytest
from rich.console import Console

from siotool.plan import sizing
from siotool.plan.evidence.amounts import amount, cost_name
from siotool.plan.figures import compose, planfile
from siotool.plan.html.page import render as page
from siotool.plan.model import Evidence, MeasuredCost
from siotool.plan.rendering import markdown, terms, text
from siotool.plan.rendering.pictures import Pictures

CHAT = """\
[workload]
connections = "100k..200k"
session_length = "20min..40min"
[workload.messages.conversation]
kind = "room"
rate = "1/min..2/min"
size = "100B..300B"
room_size = "5..10"
[server]
capacity = "1Gbit/s"
memory = "8GiB"
[topology]
adapter = "redis-sharded"
"""

EVIDENCE = Evidence(
    runs=["20260101-chat"],
    costs=[MeasuredCost("delivery_s", "core-seconds", 33e-6, 30e-6, 36e-6, "over 40 s")],
    residual_sd_cores=0.012,
    lag1=0.1,
    explained=0.93,
    observed_cores=[0.1, 0.2, 0.3],
    predicted_cores=[0.1, 0.2, 0.3],
    remarks=["one run: there is no variance between runs to see"],
    beyond=["this plan takes 900 connections per server, 2 times what was measured"],
)


@pytest.fixture(scope="module")
def plan():
    return sizing.size(compose.complete(planfile.decode(CHAT, "x")), draws=200)


@pytest.fixture(scope="module")
def measured(plan):
    return msgspec.structs.replace(plan, evidence=EVIDENCE, warnings=plan.warnings + EVIDENCE.beyond)


def printed(plan, width: int) -> str:
    console = Console(width=width, color_system=None, highlight=False)
    with console.capture() as shown:
        console.print(text.render(plan))
    return shown.get()


def test_every_form_has_the_fit_and_its_doubts(measured):
    """The Markdown had neither: who read it took a plan from a bad fit for a plan from a good one."""
    cost = EVIDENCE.costs[0]
    said = [
        cost_name(cost.name),
        amount(cost.value, cost.unit),
        f"{amount(cost.p5, cost.unit)} to {amount(cost.p95, cost.unit)}",
        "3 seconds of 1 run (20260101-chat); the fit explains 93 % of the CPU's variance and misses by 0.012",
        *EVIDENCE.remarks,
        *EVIDENCE.beyond,
    ]
    forms = {
        "text": printed(measured, 10_000),
        "markdown": markdown.render(measured),
        "html": html.unescape(page(measured, Pictures([], [], None))),
    }
    for form, made in forms.items():
        for sentence in said:
            assert sentence in made, (form, sentence)
    evidence = json.loads(msgspec.json.encode(measured))["evidence"]
    assert evidence["remarks"] == EVIDENCE.remarks
    assert evidence["explained"] == EVIDENCE.explained


@pytest.mark.parametrize("width", [60, 72, 80, 120])
def test_names_are_whole_on_any_terminal(measured, width):
    lines = printed(measured, width).splitlines()
    assert max(map(len, lines)) <= width
    firsts = [line.strip() for line in lines]
    names = [row.name for row in terms.rows(measured)] + [day.name for day in measured.bad_days]
    names += [effect.key for effect in terms.effects(measured)[:6]] + [
        t.variable for t in terms.terms(measured)
    ]
    for name in [*names, "delivery"]:
        assert any(line.startswith(name) for line in firsts), name
    assert "workload.messages.conversation.room_size" in names
    assert "…" not in "".join(lines).replace(terms.quotient(measured, 3), "")
