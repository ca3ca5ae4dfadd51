"""What one form of a report says, all say: each fact of the JSON is looked for in text, Markdown and HTML."""

import json
import re

import msgspec
import pytest

from siotool import units
from siotool.cli.outcome import rendered
from siotool.histogram import Histogram
from siotool.report.gates import parse
from siotool.report.judging import show
from siotool.report.report_document import as_document
from siotool.runfile import ScenarioFailure, UserClass, Visits
from siotool.workload import Arrivals, Target
from tests.unit.facts import leaves
from tests.unit.printed import PRINTERS, missing, read

#: What only scripts read: curves, which are pictures on the page, and figures finer than a table shows.
ONLY_IN_JSON = (
    r"version",
    r"series\..*",
    r"operations(_merged)?\[\d+\]\.(p99_9_s|mean_s|service_p50_s|rate_over)",
    r"operations_merged\[\d+\]\.(op|name)",  # named after the operation: ack (all)
    r"sizing\..*",  # its tables are compared cell by cell
    r"valid",  # no and suspect are the verdict untrusted, with the doubts beside it
    r"target\.transport",  # there is one
    r"servers?(\[\d+\])?\.beside",  # stands behind the name of one that is
    r"steady\..*",  # stands in words below the operations
    r"gates\[\d+\]\.(unit|default)",
    r"runs\[\d+\]\.started_at",  # written as people write it; test_report_words
)


@pytest.fixture(scope="module")
def rich(fabricated, make_run, reported, article):
    """A report in which everything happened: each count is its own, so that none stands for another."""
    run = fabricated["chat"]
    server = make_run(rss_per_connection=21_000)
    stays = Histogram()
    stays.record([11.0] * 67 + [23.0] * 28 + [59.0] * 5)

    def change(number, interval):
        connections = msgspec.structs.replace(
            interval.connections, hung={"tls": 3, "open": 4} if number == 5 else {}
        )
        names = [
            msgspec.structs.replace(op, name="leave", count=op.count + 7)
            for op in interval.operations
            if op.op == "ack"
        ]
        first = number == 5
        return msgspec.structs.replace(
            interval,
            connections=connections,
            operations=[*interval.operations, *names],
            servers=server.intervals[number].servers,
            exceptions=[ScenarioFailure("ValueError", "no such room", "chat.py:12", 13)] if first else [],
            user_classes=[
                UserClass("Reader", 61, 17, 5, 18, 19, 6001, 31) if first else UserClass("Reader", 60),
                UserClass("Writer", 41, 43, 2, 47, 53, 7001, 37, 7919, 8009, 8011, 29)
                if first
                else UserClass("Writer", 40),
            ],
            visits=Visits(907, 859, 48, stays.sparse()) if first else Visits(),
        )

    workload = msgspec.structs.replace(run.header.workload, arrivals=Arrivals(31, 3600, 241, "poisson"))
    header = msgspec.structs.replace(
        run.header,
        workload=workload,
        target=Target("http://127.0.0.1:3000", "/rt/", "/room"),
        servers=server.header.servers,
    )
    run = msgspec.structs.replace(
        run, header=header, intervals=[change(n, interval) for n, interval in enumerate(run.intervals)]
    )
    gates = [parse(gate) for gate in ("p99:ack:leave > 200ms", "connect_errors > 1%", "server_cpu > 80%")]
    return reported(run, article, gates, default_gates=True)


@pytest.fixture(scope="module")
def forms(rich):
    """Each form as a person reads it: without markup, on lines as long as need be."""
    return {printer: read(as_document(rich), printer) for printer in PRINTERS}


def ways_to_write(path, value, document):
    """The ways in which a leaf of the JSON may stand in a text for people."""
    key = path.rpartition(".")[2]
    if isinstance(value, bool | str):
        return [str(value)]
    gate = re.match(r"gates\[(\d+)\]\.value", path)
    if gate:
        return [show(value, document["gates"][int(gate[1])]["unit"])]
    if key.endswith("bytes_per_s"):
        return [units.format_byte_rate(value)]
    if "bytes" in key:
        return [units.format_size(value)]
    if re.search(r"(?<!per)_s(_max)?$", key):
        return [units.format_duration(value)]
    return [
        f"{value:,}",
        units.format_count(value),
        units.format_share(value),
        f"{value:.2f} cores",
        f"of {value:g}",
    ]


def test_every_fact_of_the_json_is_in_every_form(rich, forms):
    document = json.loads(rendered(rich, "json"))
    facts = [
        (path, value)
        for path, value in leaves(document)
        if value is not None and value != "" and not any(re.fullmatch(known, path) for known in ONLY_IN_JSON)
    ]
    assert len(facts) > 150
    missing = []
    for path, value in facts:
        ways = [" ".join(way.split()) for way in ways_to_write(path, value, document)]
        # a word in the verdict's own: PASSED, NOT TO BE TRUSTED
        ways += {"untrusted": ["NOT TO BE TRUSTED"], "failed": ["FAILED"]}.get(str(value), [])
        ways += [one.replace("\x1b", "\N{REPLACEMENT CHARACTER}") for one in ways]
        missing += [(form, path, value) for form, said in forms.items() if not any(w in said for w in ways)]
    assert missing == []


def test_classes_of_failures_are_named_in_every_form(rich, forms):
    connections = rich.connections
    names = [*connections.failed, *connections.closed, *connections.hung]
    names += [name for row in rich.operations for name in row.errors]
    assert set(names) >= {"tls", "open", "refused", "ping_timeout", "timeout"}
    for form, said in forms.items():
        assert [name for name in names if name not in said] == [], form


@pytest.mark.parametrize("printer", PRINTERS)
def test_every_section_is_in_every_form(rich, printer):
    """The text left out columns that are wide: p90, seeds, who made the run."""
    assert missing(as_document(rich), printer) == []


def test_the_report_of_these_tests_has_everything(rich):
    have = {section.key for section in as_document(rich).sections}
    assert have == {
        *(
            "gates",
            "sizing",
            "stages",
            "constraints",
            "beliefs",
            "doubts",
            "remarks",
            "connections",
            "user_classes",
            "visits",
        ),
        *("errors", "operations", "exceptions", "delivery", "bandwidth", "server", "generator", "runs"),
        "method",
    }
    assert rich.doubts
    assert rich.remarks
    assert {gate.default for gate in rich.gates} == {True, False}
