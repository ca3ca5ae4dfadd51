"""What a scenario raised, judged and reported, as a worker tells of it."""

import pytest

from siotool.client.identity import Identity
from siotool.client.secret_texts import secrets_of
from siotool.swarm import scenario_results
from siotool.swarm.exception_log import FILE_NAME, ExceptionLog
from siotool.swarm.redaction import Redaction
from siotool.swarm.scenario_results import ScenarioResults
from siotool.swarm.user_counts import UserCounts
from siotool.swarm.worker_report import Raised


def raised(error):
    try:
        raise error
    except type(error) as caught:
        return caught


def test_an_exception_is_told_with_class_message_place_and_once_with_its_traceback():
    book = ScenarioResults(Redaction())
    for _ in range(3):
        book.exception(raised(KeyError("token")))
    _, _, (first,) = book.take()
    assert (first.kind, first.message, first.count) == ("KeyError", "'token'", 3)
    assert first.where == "test_swarm_scenario_results.py:17 in raised"
    assert "Traceback" in first.traceback
    book.exception(raised(KeyError("token")))
    _, _, (again,) = book.take()
    assert (again.count, again.traceback) == (1, "")


def test_nothing_is_told_twice():
    book = ScenarioResults(Redaction())
    book.exception(raised(ValueError("x")))
    book.check("fine", "", right=True)
    book.take()
    assert book.take() == ([], [], [])


def test_checks_are_an_operation_with_their_text_for_a_name():
    book = ScenarioResults(Redaction())
    for right in (True, True, False):
        book.check("it was ok", "flow.py:1 in t", right=right)
    (judged,), reported, (wrong,) = book.take()
    assert (judged.op, judged.name, judged.count, judged.errors) == (
        "custom",
        "it was ok",
        2,
        {"check_failed": 1},
    )
    assert not judged.response.count, "a check takes no time"
    assert wrong == Raised("check_failed", "it was ok", "flow.py:1 in t", 1)
    assert reported == []


@pytest.mark.parametrize(
    ("seconds", "error", "count", "timed", "errors"),
    [
        pytest.param(0.012, None, 1, 1, {}, id="a success with its time"),
        pytest.param(None, None, 1, 0, {}, id="a success without"),
        pytest.param(0.1, ValueError("503"), 0, 0, {"ValueError": 1}, id="a failure by its class"),
        pytest.param(0.1, "503", 0, 0, {"error": 1}, id="a failure that is only a text"),
    ],
)
def test_what_is_reported_through_locusts_event_is_an_operation(seconds, error, count, timed, errors):
    book = ScenarioResults(Redaction())
    book.report("db", "query", seconds, error)
    judged, (reported,), failures = book.take()
    assert judged == [], "Locust has counted it itself"
    assert (reported.name, reported.count, reported.response.count, reported.errors) == (
        "query",
        count,
        timed,
        errors,
    )
    assert [found.where for found in failures] == (["request event db"] if error else [])


def test_messages_that_differ_by_a_number_do_not_make_thousands_of_entries():
    book = ScenarioResults(Redaction())
    for number in range(5000):
        book.exception(raised(ValueError(f"order {number}")))
    _, _, told = book.take()
    assert len(told) == scenario_results.MESSAGES_OF_A_PLACE + 1
    assert sum(found.count for found in told) == 5000
    assert told[-1].message == "(other)"


def test_entries_and_names_have_an_end():
    book = ScenarioResults(Redaction())
    for number in range(3 * scenario_results.ENTRIES_AT_MOST):
        book.check(f"check {number}", f"flow.py:{number} in t", right=False)
    judged, _, told = book.take()
    assert len(told) <= scenario_results.ENTRIES_AT_MOST + 1
    assert len(judged) <= scenario_results.NAMES_AT_MOST + 1
    assert sum(found.count for found in told) == 3 * scenario_results.ENTRIES_AT_MOST
    assert judged[-1].name == "(other)"


def test_long_messages_are_shortened_to_one_line():
    book = ScenarioResults(Redaction())
    book.exception(raised(ValueError("a\nb " * 400)))
    _, _, (told,) = book.take()
    assert len(told.message) == scenario_results.MESSAGE_AT_MOST
    assert "\n" not in told.message
    assert len(told.traceback) <= scenario_results.TRACEBACK_AT_MOST


def test_secrets_stand_nowhere():
    secrets = secrets_of(
        Identity(
            auth={"token": "s3cr3t-token", "deep": ["other-secret"]},
            headers=(("Authorization", "Bearer abcdef"),),
            query=(("key", "in-the-query"),),
        )
    )
    book = ScenarioResults(Redaction(secrets))
    book.exception(raised(ValueError("bad s3cr3t-token, other-secret, Bearer abcdef, in-the-query")))
    book.check("has abcdef", "", right=False)
    _, _, told = book.take()
    text = repr(told)
    for secret in ("s3cr3t-token", "other-secret", "abcdef", "in-the-query"):
        assert secret not in text
    assert "***" in text


def test_turns_count_from_the_first_one_once_one_has_failed():
    counts = UserCounts("Flow")
    counts.turns = 10
    assert counts.take_turns() is None, "as long as none failed there is nothing to tell"
    counts.turns_failed = 1
    assert counts.take_turns() == (9, 1)
    counts.turns = 15
    assert counts.take_turns() == (5, 0)


def test_a_turn_that_fails_after_it_was_told_of_is_taken_off_what_comes_next():
    """It made a count of −1, which ended the run."""
    counts = UserCounts("Flow")
    counts.turns, counts.turns_failed = 10, 1
    assert counts.take_turns() == (9, 1)
    counts.turns_failed = 2  # the tenth, which was under way
    assert counts.take_turns() == (0, 1)
    counts.turns = 12
    assert counts.take_turns() == (1, 0)
    assert counts.turns - counts.turns_failed == 9 + 0 + 1


def test_a_person_is_told_the_first_of_each_kind_and_a_count(tmp_path):
    said = []
    log = ExceptionLog(tmp_path, said.append)
    log.take([Raised("KeyError", "'token'", "flow.py:7 in t", 2, "Traceback\n  deep\n")])
    log.take([Raised("KeyError", "'name'", "flow.py:8 in t", 1, "Traceback\n  other\n")])
    log.take([Raised("KeyError", "'token'", "flow.py:7 in t", 4)])
    assert said == ["the scenario failed: KeyError: 'token' (flow.py:7 in t)"]
    (line,) = log.summary()
    assert line.startswith("the scenario failed: 7 × KeyError; see ")
    kept = (tmp_path / FILE_NAME).read_text()
    assert (kept.count("deep"), kept.count("other"), kept.count("flow.py:7")) == (1, 1, 1)


def test_a_scenario_without_failures_leaves_no_file(tmp_path):
    log = ExceptionLog(tmp_path, print)
    log.take([])
    assert log.summary() == []
    assert not (tmp_path / FILE_NAME).exists()
