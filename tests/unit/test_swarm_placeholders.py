"""Placeholders in options: which text is one, and what it becomes."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.errors import InputError
from siotool.swarm.placeholders import fill, fill_text, is_template, names_in

ROW = {"number": "7", "user": "al", "first name": "Al", "age": 41, "tags": ["a"], "odd": "{x}"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        pytest.param("plain", "plain", id="text without braces stays"),
        pytest.param("{user}", "al", id="a column alone"),
        pytest.param("Bearer {user}-{number}", "Bearer al-7", id="two in one text"),
        pytest.param("{first name}", "Al", id="a column whose name has a space"),
        pytest.param("{age}", 41, id="alone, a number of a JSONL file stays a number"),
        pytest.param("{tags}", ["a"], id="and a list a list"),
        pytest.param("is {age} {tags}", 'is 41 ["a"]', id="within a text they are written as JSON"),
        pytest.param("{{user}}", "{user}", id="doubled braces are braces"),
        pytest.param("{{{user}}}", "{al}", id="braces around a column"),
        pytest.param("{odd}", "{x}", id="a value is not read again"),
        pytest.param({"a": ["{user}", 1, None]}, {"a": ["al", 1, None]}, id="texts of a JSON value"),
        pytest.param({"{user}": "x"}, {"{user}": "x"}, id="names of a JSON object stay"),
    ],
)
def test_filled_in_with_rows(text: Any, filled: Any) -> None:
    assert fill(text, ROW, with_rows=True) == filled


@pytest.mark.parametrize("text", ['{"a": 1}', "{user}", "{{x}}", "{", "}", "{}", "a{Number}b"])
def test_without_rows_only_the_number_is_replaced(text: str) -> None:
    assert not is_template(text, with_rows=False)
    assert fill(f"{text}{{number}}", ROW, with_rows=False) == f"{text}7"
    assert list(names_in(text, "--auth", with_rows=False)) == []


@pytest.mark.parametrize("text", ["{user", "user}", "{a{b}", "}{"])
def test_a_brace_that_stands_alone_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=re.escape("--header X")):
        list(names_in(text, "--header X", with_rows=True))


def test_names_are_found_anywhere() -> None:
    value = {"a": ["{x} {y}", {"b": "{{z}}"}], "c": 5}
    assert list(names_in(value, "--auth", with_rows=True)) == ["x", "y"]


@given(st.text())
def test_any_text_can_be_written_with_doubled_braces(text: str) -> None:
    escaped = text.replace("{", "{{").replace("}", "}}")
    assert list(names_in(escaped, "--auth", with_rows=True)) == []
    assert fill_text(escaped, {}, with_rows=True) == text
