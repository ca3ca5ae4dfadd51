"""When a run was made stands in the first lines of every form."""

import json

import msgspec
import pytest

from siotool.cli.outcome import rendered
from siotool.report.join import summarize
from siotool.report.planned import Planned


def started(run, when):
    return msgspec.structs.replace(run, header=msgspec.structs.replace(run.header, started_at=when))


@pytest.mark.parametrize("form", ["text", "md", "html"])
@pytest.mark.parametrize(
    ("times", "said"),
    [
        (["2026-11-25T22:05:09+00:00"], "begun 2026-11-25 22:05 UTC"),
        (["2026-11-25T23:05:09+01:00"], "begun 2026-11-25 22:05 UTC"),
        (
            ["2026-11-25T22:05:09Z", "2026-11-24T01:00:00Z"],
            "begun 2026-11-24 01:00 UTC to 2026-11-25 22:05 UTC",
        ),
        (["yesterday"], "begun yesterday"),
    ],
)
def test_the_report_says_when_the_run_was_made(make_run, form, times, said):
    runs = [started(make_run(name=f"run {n}"), when) for n, when in enumerate(times)]
    text = " ".join(rendered(summarize(runs, Planned()), form).split())
    assert said in text


def test_json_has_the_time_as_it_was_written(make_run):
    report = json.loads(rendered(summarize([make_run()], Planned()), "json"))
    assert report["runs"][0]["started_at"] == "2026-01-01T00:00:00Z"
