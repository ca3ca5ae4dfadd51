"""JUnit: a file that its readers can read, whatever words are in it."""

from xml.etree import ElementTree

from junitparser import JUnitXml

from siotool.document.junit import JudgedCase, render


def test_each_case_is_there_and_failures_and_errors_are_counted() -> None:
    cases = [
        JudgedCase("sticky", "all of it", "in short", "gates", seconds=1.5),
        JudgedCase("ping", "fine"),
        JudgedCase("the generator was busy", "why", "busy", "trust", kind="error"),
    ]
    text = render("siotool probe", cases, properties={"peak": "12"}, timestamp="2026-01-01T00:00:00+00:00")
    (suite,) = JUnitXml.fromstring(text.encode())
    assert (suite.tests, suite.failures, suite.errors, suite.time) == (3, 1, 1, 1.5)
    assert suite.timestamp == "2026-01-01T00:00:00+00:00"
    assert [(one.name, one.value) for one in suite.properties()] == [("peak", "12")]
    sticky, ping, busy = suite
    assert (sticky.classname, sticky.name, sticky.time) == ("siotool probe.gates", "sticky", 1.5)
    (failure,) = sticky.result
    assert (failure.message, failure.text, failure.type) == ("in short", "all of it", "gates")
    assert (ping.classname, ping.is_passed, ping.system_out) == ("siotool probe", True, "fine")
    assert busy.is_error
    root = ElementTree.fromstring(text)
    assert (root.tag, root.get("tests"), root.get("failures"), root.get("errors")) == (
        "testsuites",
        "3",
        "1",
        "1",
    )


def test_foreign_words_break_no_file() -> None:
    foreign = "\x00\x1b[31m ]]> <b>&amp; \ud800 \ufffe"
    text = render(foreign, [JudgedCase(foreign, foreign, foreign)], properties={foreign: foreign})
    root = ElementTree.fromstring(text.encode())
    (case,) = root.iter("testcase")
    assert "\x1b" not in str(case.get("name"))
    assert "<b>&amp;" in str(case.findtext("failure"))
