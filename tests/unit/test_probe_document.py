"""A probe as a reader sees it: held against files, for a target with a finding of each level."""

import pytest

from siotool.cli.output import printed
from siotool.document import junit
from siotool.probe.catalogue import CHECKS
from siotool.probe.checks.sessions import SessionSeen
from siotool.probe.diagnose import judged
from siotool.probe.probe_document import cases, document, headline
from siotool.probe.probe_result import ProbeResult
from siotool.probe.reply import Reply
from tests.unit.probe_facts import joined, known, opening

SUFFIX = {"text": "txt", "md": "md", "json": "json", "html": "html"}


@pytest.fixture(scope="module")
def result() -> ProbeResult:
    """Rare pings, and sessions that are lost between two servers that speak in escapes."""
    lost = Reply(400, body=b'{"code":1,"message":"Session ID unknown \\u001b[31m<b>"}')
    good = Reply(200, body=b"ok")
    sessions = [
        SessionSeen(
            (90_000, 20_000, 1e6), 4, {"route": f"{at % 2}"}, "", [good, lost if at < 2 else good], [lost]
        )
        for at in range(5)
    ]
    given = {"tls": 0.0, "sticky": sessions, "namespace": joined("/chat", "/news")}
    brought = {check.look: None for check in CHECKS} | {
        check.look: given[check.id] for check in CHECKS if check.id in given
    }
    facts = known(session=opening(interval=90_000), namespaces=("/chat", "/news"))
    return judged(facts, list(CHECKS), brought)


@pytest.mark.parametrize("form", ["text", "md", "json"])
def test_a_probe_reads_as_it_did(result, golden, form) -> None:
    golden(f"probe/probe.{SUFFIX[form]}", printed(document(result), form, "file", result))


def test_junit_reads_as_it_did(result, golden) -> None:
    golden("probe/probe.xml", junit.render("siotool probe", cases(result)))


def test_nothing_moves_a_cursor_and_text_fits_80_columns(result) -> None:
    for form in SUFFIX:
        assert "\x1b" not in printed(document(result), form, "file", result)
    assert max(map(len, printed(document(result), "text", "file", result).splitlines())) <= 80


def test_the_headline_counts(result) -> None:
    assert headline(result).endswith("findings: 1 error, 1 warning")
    assert headline(result.from_level("error")) == "1 finding: 1 error, no warnings"
    assert document(result).tone == "bad"
    assert document(ProbeResult(1, "http://a", [], [])).tone == "good"
