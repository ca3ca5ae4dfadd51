"""The committed example is what this siotool makes of its own run file."""

from pathlib import Path

import pytest

from siotool.cli.counts import Counting, Intent
from siotool.cli.outcome import rendered
from siotool.cli.plan_options import planned
from siotool.report.gates import parse
from siotool.report.join import summarize
from siotool.runs import reading

EXAMPLE = Path(__file__).parents[2] / "reports/example"


def _made(form):
    """As ``siotool report reports/example --plan reports/example/plan.json`` makes it."""
    run = reading.read(EXAMPLE / "run.jsonl")
    plan = EXAMPLE / "plan.json"
    intent = Intent(plan=planned(str(plan)) if plan.exists() else None)
    gates = [parse(gate) for gate in run.header.gates]
    report = summarize(
        [run],
        intent.planned,
        gates,
        counts=Counting([run], intent),
        default_gates=run.header.default_gates,
    )
    return rendered(report, form)


if (EXAMPLE / "run.jsonl").exists():

    @pytest.mark.parametrize("form", ["md", "json"])
    def test_the_example_is_up_to_date(golden, form):
        golden(f"../../reports/example/report.{form}", _made(form))

    def test_the_example_page_is_of_this_run():
        page = (EXAMPLE / "report.html").read_text(encoding="utf-8")
        run = reading.read(EXAMPLE / "run.jsonl")
        assert run.header.run in page
        assert "default-src 'none'" in page
