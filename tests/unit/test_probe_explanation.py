"""Which finding says best why a client cannot connect."""

from siotool.probe.explanation import IDS, explain
from siotool.probe.finding import Finding
from siotool.probe.probe_result import ProbeResult
from tests.cli.test_probe import IDS as EVERY


def result(*findings: Finding) -> ProbeResult:
    return ProbeResult(1, "http://a/socket.io/", list(findings), [])


def test_nothing_wrong_explains_nothing() -> None:
    assert explain(result(Finding("reachable", "ok", "x"), Finding("eio3", "info", "x"))) is None


def test_an_error_explains_more_than_a_warning_and_the_first_cause_more_than_the_next() -> None:
    warning = Finding("tls", "warning", "hidden", "means", "do")
    error = Finding("namespace", "error", "refused: /x", "there is none", "check it")
    cause = Finding("cors", "error", "refused", "a list", "add it")
    expected = ("http://a/socket.io/: namespace: refused: /x. There is none", "check it")
    assert explain(result(warning, error)) == expected
    assert explain(result(error, cause)) == ("http://a/socket.io/: cors: refused. A list", "add it")
    assert explain(result(warning)) == ("http://a/socket.io/: tls: hidden. Means", "do")


def test_what_explains_is_checked() -> None:
    assert set(IDS) <= set(EVERY)
