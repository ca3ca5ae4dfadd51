"""What one form of a plan says, all say; and on any terminal, names are whole."""

import html
import json
import re
from datetime import date

import msgspec
import pytest
from rich.console import Console

from siotool import units
from siotool.document import html as page
from siotool.document import markdown, text
from siotool.document.document import Sentence, Table
from siotool.plan.documents import plan_words as words
from siotool.plan.documents.evidence_section import amount, cost_name
from siotool.plan.documents.plan_document import document
from siotool.plan.growth import outlook
from siotool.plan.inputs import compose, planfile
from siotool.plan.model import Evidence, MeasuredCost
from siotool.plan.money import pricing
from siotool.plan.money.prices import read_prices
from siotool.plan.sizing import sizing
from siotool.plan.storage import offline
from tests.unit.facts import leaves

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

PRICES = """\
currency = "USD"
egress_per_gb = 0.05
[shapes.small]
cores = 1
memory = "2GiB"
bandwidth = "50MB/s"
[shapes.large]
cores = 4
memory = "8GiB"
bandwidth = "100MB/s"
[shapes.secret]
cores = 8
memory = "8GiB"
bandwidth = "200MB/s"
[prices.small]
per_month = 60
[prices.large]
per_month = 100
"""

EVIDENCE = Evidence(
    runs=["20260101-chat"],
    costs=[MeasuredCost("server.delivery_cost", "core-seconds", 33e-6, 30e-6, 36e-6, "over 40 s")],
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
        console.print(text.render(document(plan)))
    return shown.get()


def in_markdown(plan) -> str:
    """What a reader of the Markdown sees, but for its tables."""
    return html.unescape(re.sub(r"\\(.)", r"\1", markdown.render(document(plan)).replace("**", "")))


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
        "markdown": in_markdown(measured),
        "html": html.unescape(page.render(document(measured))),
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
    tables = [
        block
        for section in document(measured).sections
        for block in section.blocks
        if isinstance(block, Table) and not block.told
    ]
    names = [row.cells[0] for table in tables for row in table.rows]
    assert {"delivery", "workload.messages.conversation.room_size", "ordinary day (worst)"} <= set(names)
    pieces = " ".join(lines).split()
    for name in names:
        # only between its words may a name be broken
        assert [word for word in name.split() if word not in pieces] == [], name
    assert not re.search(r"(?<!\d)…", "".join(lines))  # the formula's quotient is cut


#: What only scripts read, and why the others may.
ONLY_IN_JSON = (
    r"version",
    r"inputs\..*",  # the formula's figures, which the table of variables writes in SI units
    r"evidence\.(lag1|extrapolation|(observed|predicted)_cores.*)",  # curves, and what a warning says
    r"forecast\.points.*",  # a line of the table for every sixth
    r"constraints\[\d+\]\.(demand|unit|capacity_per_server|servers_exact|provenance|tier)",  # in its sentence
    r"corrected\.(method|availability)",  # a day to survive says it in words
    r"(apart|next_constraint|document\.servers_exact)",
    r"uncertainty\.effects\[\d+\]\.first_order",
    r"uncertainty\.(guessed_share|infeasible|next_measurement\.(key|servers))",  # in their sentences
    r"figures\[\d+\]\.(unit|value|p5|p95|provenance\..*)",  # written together; compared below
    r"storage\..*",
    r"(cost|shapes)\..*(currency|quantile|_p90|per_thousand_connections)",
    r"servers\.p90",
)


@pytest.fixture(scope="module")
def rich(measured):
    """A plan with everything: evidence, money, a forecast, storage, warnings, ranges."""
    text_of = CHAT.replace("[server]", "[server]\naccept_rate = '300/s..500/s'").replace(
        "session_length", "growth = '20%..40%'\nsession_length"
    )
    goals = "[goals]\nreconnect_time = '60s'\ndowntime = '10min..20min'\nspares = 2\n"
    backlog = "[storage]\nkind = 'document'\noffline_users = '5M'\nmessages = '20/d'\n"
    inputs = compose.complete(planfile.decode(text_of + goals + backlog, "plan.toml"))
    plan = sizing.size(inputs, draws=200)
    prices = read_prices(PRICES, "prices.toml")
    return msgspec.structs.replace(
        plan,
        evidence=EVIDENCE,
        warnings=plan.warnings + EVIDENCE.beyond,
        cost=pricing.cost(plan, inputs, prices, prices.shape("large")),
        shapes=pricing.shapes(plan, inputs, prices, draws=200, seed=1),
        forecast=outlook.outlook(plan, inputs, date(2026, 1, 1), lead_time_s=0.0, draws=200, seed=1),
        storage=offline.storage(inputs, draws=200, seed=1),
    )


@pytest.fixture(scope="module")
def forms(rich):
    page_text = re.sub(r"<(style|script).*?</\1>", "", page.render(document(rich)), flags=re.S)
    found = {
        "text": printed(rich, 100_000),
        "md": in_markdown(rich),
        "html": html.unescape(re.sub(r"<[^>]+>", " ", page_text)),
    }
    return {form: " ".join(made.split()) for form, made in found.items()}


def ways_to_write(value):
    """The ways in which a leaf of the JSON may stand in a text for people."""
    if isinstance(value, str):
        return [value, value.capitalize(), f"{value[:1].upper()}{value[1:]}"]
    return [
        *(f"{value:,.0f}", f"{value:,}", f"{value:,.2f}", f"{value:.3f}"),
        *(
            units.format_share(value),
            units.format_share(round(value, 2)),
            units.format_share(round(value, 3)),
        ),
        *(units.format_count(value), units.format_count(round(value))),
    ]


def test_every_fact_of_the_json_is_in_every_form(rich, forms):
    """The Markdown lacked the chances and the draws, the text the inputs and how costs were measured."""
    document = json.loads(msgspec.json.encode(rich))
    facts = [
        (path, value)
        for path, value in leaves(document)
        if value not in (None, "")
        and not isinstance(value, bool)
        and not any(re.fullmatch(known, path) for known in ONLY_IN_JSON)
        and not path.startswith(("evidence.costs", "shapes.rows", "cost."))
        and value != 0
    ]
    assert len(facts) > 100
    missing = []
    for path, value in facts:
        ways = [" ".join(way.split()) for way in ways_to_write(value)]
        missing += [(form, path, value) for form, said in forms.items() if not any(w in said for w in ways)]
    assert missing == []


def test_every_input_is_in_every_form_with_where_it_comes_from(rich, forms):
    assert len(rich.figures) > 50
    for figure in rich.figures:
        written = [figure.key, words.shown(figure), figure.fitted or "", figure.provenance.words()]
        for form, said in forms.items():
            assert [part for part in written if " ".join(part.split()) not in said] == [], (form, figure.key)


def test_every_section_is_in_every_form(rich, forms):
    made = document(rich)
    assert [section.key for section in made.sections] == [
        "doubtful",
        "constraints",
        "bad-days",
        "sure",
        "what-if",
        "cost",
        "shapes",
        "forecast",
        "storage",
        "evidence",
        "formula",
        "inputs",
    ]
    facts = [made.context, made.headline, *made.answer, *(f"{fact.name} {fact.value}" for fact in made.facts)]
    for section in made.sections:
        facts.append(section.title)
        for block in section.blocks:
            if isinstance(block, Sentence):
                facts.append(block.text)
            if isinstance(block, Table):
                facts += [block.note, block.folded]
                facts += [part for row in block.rows for part in (row.group, *row.cells)]
    assert len(facts) > 300
    for form, said in forms.items():
        assert [fact for fact in facts if " ".join(fact.split()) not in said] == [], form
