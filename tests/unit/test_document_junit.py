"""JUnit: a file that its readers can read, whatever words are in it."""

from xml.etree import ElementTree

from siotool.document.junit import JudgedCase, render


def test_each_case_is_there_and_failures_are_counted() -> None:
    text = render(
        "siotool probe", [JudgedCase("sticky", "all of it", "in short"), JudgedCase("ping", "fine")]
    )
    root = ElementTree.fromstring(text)
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    first, second = root.iter("testcase")
    assert (first.get("classname"), first.get("name")) == ("siotool probe", "sticky")
    failure = first.find("failure")
    assert failure is not None
    assert (failure.get("message"), failure.text) == ("in short", "all of it")
    assert second.find("failure") is None
    assert second.findtext("system-out") == "fine"


def test_foreign_words_break_no_file() -> None:
    foreign = "\x00\x1b[31m ]]> <b>&amp; \ud800 \ufffe"
    root = ElementTree.fromstring(render(foreign, [JudgedCase(foreign, foreign, foreign)]).encode())
    (case,) = root.iter("testcase")
    assert "\x1b" not in str(case.get("name"))
    assert "<b>&amp;" in str(case.findtext("failure"))
