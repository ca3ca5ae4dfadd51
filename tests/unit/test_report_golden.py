"""The renderers over three fabricated runs, held against files, and the schemas of both forms of JSON."""

import json
from pathlib import Path

import msgspec
import pytest
from jsonschema import Draft202012Validator

from siotool import runfile
from siotool.cli.outcome import rendered
from siotool.report.contents import Report
from siotool.report.gates import parse
from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.runs import reading

ROOT = Path(__file__).parents[2]
GATES = ["p99:ack > 200ms", "lost > 0", "connect_errors > 1%", "server_cpu > 80%"]
OPERATION = "op name count errors rate_per_s p50_s p90_s p95_s p99_s max_s"
SUFFIX = {"text": "txt", "json": "json", "md": "md"}


@pytest.fixture(scope="module")
def reports(fabricated, reported, article):
    """The cut run without plan and gates, the others with both."""
    gates = [parse(text) for text in GATES]
    return {
        "echo": reported(fabricated["echo"], article, gates),
        "chat": reported(fabricated["chat"], article, gates),
        "cut": reported(fabricated["cut"]),
    }


@pytest.mark.parametrize("name", ["echo", "chat", "cut"])
@pytest.mark.parametrize("form", ["text", "json", "md"])
def test_a_report_reads_as_it_did(reports, golden, name, form):
    golden(f"report/{name}.{SUFFIX[form]}", rendered(reports[name], form))


@pytest.mark.parametrize("name", ["echo", "chat", "cut"])
def test_a_run_file_is_written_as_it_was_and_reads_back(fabricated, golden, to_jsonl, name, tmp_path):
    """The files under tests/golden/report are runs, too: those of the tests of the command."""
    text = to_jsonl(fabricated[name])
    golden(f"report/{name}.jsonl", text)
    path = tmp_path / "run.jsonl"
    path.write_text(text)
    run = reading.read(path)
    assert run.truncated_line == fabricated[name].truncated_line
    report = summarize([run], Planned())
    assert msgspec.to_builtins(report) == msgspec.to_builtins(summarize([fabricated[name]], Planned()))


@pytest.mark.parametrize("name", ["echo", "chat", "cut"])
def test_text_fits_80_columns_and_moves_no_cursor(reports, name):
    text = rendered(reports[name], "text")
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text


def test_markdown_takes_no_name_for_markup(reports):
    text = rendered(reports["chat"], "md")
    assert "<b>" not in text
    assert "\x1b" not in text
    rows = [line for line in text.splitlines() if line.startswith("| deliver chat")]
    assert [row.replace("\\|", "").count("|") for row in rows] == [8, 7]


def test_json_is_the_whole_report_and_reads_back(reports):
    report = reports["chat"]
    text = rendered(report, "json")
    again = msgspec.json.decode(text, type=Report)
    assert json.loads(rendered(again, "json")) == json.loads(text)
    assert rendered(again, "text") == rendered(report, "text")


def test_json_has_the_keys_that_scripts_rely_on(reports):
    document = json.loads(rendered(reports["echo"], "json"))
    wanted = {
        "": "version valid doubts connections operations delivery bandwidth server sizing",
        "connections": "peak mean attempted failed",
        "delivery": "expected received lost duplicate reordered",
        "bandwidth": "payload_bytes_in payload_bytes_out wire_bytes_in wire_bytes_out "
        "per_connection_in_bytes_per_s per_connection_out_bytes_per_s",
        "server": "cpu_cores_mean cpu_cores_max rss_bytes_max rss_bytes_per_connection source",
        "sizing": "variables servers_planned servers_measured binding",
    }
    for part, keys in wanted.items():
        assert set(keys.split()) <= set(document[part] if part else document)
    (first, *_) = document["operations"]
    assert set(OPERATION.split()) <= set(first)
    assert [set(variable) for variable in document["sizing"]["variables"]] == [
        {"name", "planned", "measured", "low", "high", "unit", "how"}
    ] * 6
    assert document["version"] == 1


@pytest.mark.parametrize(
    ("name", "kind", "title"),
    [
        pytest.param("report", Report, "siotool report --format json", id="report"),
        pytest.param("run", runfile.Line, "a line of run.jsonl", id="run"),
    ],
)
def test_the_schema_is_the_type(golden, name, kind, title, schema_of):
    schema = schema_of(kind, title)
    Draft202012Validator.check_schema(schema)
    golden(f"../../siotool/schemas/{name}.json", json.dumps(schema, indent=2) + "\n")


def _validator(name):
    return Draft202012Validator(json.loads((ROOT / f"siotool/schemas/{name}.json").read_text()))


@pytest.mark.parametrize("name", ["echo", "chat", "cut"])
def test_reports_hold_to_the_schema(reports, name):
    document = json.loads(rendered(reports[name], "json"))
    assert list(_validator("report").iter_errors(document)) == []
    assert list(_validator("report").iter_errors(document | {"valid": "perhaps"}))
    assert list(_validator("report").iter_errors(document | {"more": 1}))
    del document["sizing"]["binding"]
    assert list(_validator("report").iter_errors(document))


@pytest.mark.parametrize("name", ["echo", "chat", "cut"])
def test_lines_of_a_run_hold_to_the_schema(fabricated, to_jsonl, name):
    validator = _validator("run")
    lines = [json.loads(line) for line in to_jsonl(fabricated[name]).splitlines() if line.endswith("}")]
    assert lines[0]["kind"] == "header"
    for line in lines:
        assert list(validator.iter_errors(line)) == []
        assert list(validator.iter_errors(line | {"kind": "other"}))
