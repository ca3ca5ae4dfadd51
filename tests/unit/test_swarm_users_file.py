"""Users files: what is read of them, and what is refused with file and line."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siotool.cli import users_options
from siotool.client.identity import Identity
from siotool.errors import InputError
from siotool.swarm.knobs import Knob
from siotool.swarm.own_values import OwnValues
from siotool.swarm.users_file import load, read
from siotool.workload import Stage

SIZE = Knob(64, "bytes of text", 1, 100, "bytes")
RATE = Knob(1.0, "per second", None, None, "")
MODE = Knob("slow", "how", None, None, "", ("slow", "fast"))
NAME = Knob("x", "a name", None, None, "")


def loaded(path: Path, *, reuse: bool = False, **own: Any) -> list[dict[str, Any]]:
    """The rows of a file that is read for an identity and settings."""
    templates = own.pop("templates", {})
    values = OwnValues(Identity(**own), templates, with_rows=True)
    known = {"size": SIZE, "rate": RATE, "mode": MODE, "name": NAME}
    return [json.loads(row) for row in load(path, values, known, reuse=reuse).rows]


@pytest.mark.parametrize(
    ("name", "text", "rows"),
    [
        pytest.param("u.csv", b"a,b\n1,2\n3,4\n", [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}], id="CSV"),
        pytest.param("u.CSV", b"a\r\n1\r\n", [{"a": "1"}], id="lines end as RFC 4180 says"),
        pytest.param("u.csv", b"\xef\xbb\xbfa,b\n1,2", [{"a": "1", "b": "2"}], id="byte order mark"),
        pytest.param("u.csv", b"\na\n\n1\n\n2\n\n", [{"a": "1"}, {"a": "2"}], id="empty lines are none"),
        pytest.param(
            "u.csv",
            b'a,"b ""c"""\n"x,y\nz"," 1 "\n',
            [{"a": "x,y\nz", 'b "c"': " 1 "}],
            id="quotes, commas, line breaks and blanks within fields",
        ),
        pytest.param("u.csv", b'a,b\n"",\n', [{"a": "", "b": ""}], id="empty fields"),
        pytest.param("u.csv", "näme\nÄ😀\n".encode(), [{"näme": "Ä😀"}], id="UTF-8"),
        pytest.param(
            "u.jsonl",
            b'{"a": 1, "b": {"c": [null]}}\n\n {"a": "\\u00e4"} \r\n',
            [{"a": 1, "b": {"c": [None]}}, {"a": "ä"}],
            id="JSONL keeps its types",
        ),
        pytest.param("u.jsonl", b'\xef\xbb\xbf{"a": 1}', [{"a": 1}], id="JSONL with a byte order mark"),
        pytest.param(
            "u.jsonl", '{"a": "x\u2028y"}\n'.encode(), [{"a": "x\u2028y"}], id="only LF ends a line of JSONL"
        ),
    ],
)
def test_rows(tmp_path: Path, name: str, text: bytes, rows: list[dict[str, Any]]) -> None:
    (tmp_path / name).write_bytes(text)
    assert loaded(tmp_path / name) == rows


@pytest.mark.parametrize(
    ("name", "text", "own", "said"),
    [
        pytest.param("u.csv", b"", {}, "u.csv is empty", id="an empty file"),
        pytest.param("u.csv", b"\n\n", {}, "u.csv is empty", id="empty lines alone"),
        pytest.param("u.csv", b"a,b\n", {}, "u.csv has no row", id="a header line alone"),
        pytest.param("u.csv", b"a,b\n1,2\n\nS,S,S\n", {}, "line 4 has 3 fields", id="a field too many"),
        pytest.param("u.csv", b"a,b\nSECRET\n", {}, "line 2 has 1 fields", id="a field too few"),
        pytest.param("u.csv", b'a,b\n"x\ny",2\nS,S,S\n', {}, "line 4 has 3", id="lines within fields count"),
        pytest.param("u.csv", b"a,,c\n1,2,3\n", {}, "line 1: a column has no name", id="no name"),
        pytest.param("u.csv", b"a,a\n1,2\n", {}, "line 1: two columns have one name", id="one name twice"),
        pytest.param("u.csv", b'a\n"SECRET\n', {}, "line 2: unexpected end", id="a quote that never ends"),
        pytest.param("u.csv", b'a\n"x"SECRET\n', {}, "line 2: ',' expected", id="text after a quote"),
        pytest.param("u.csv", b"a\n\xff\xfe\n", {}, "u.csv is not text in UTF-8", id="another encoding"),
        pytest.param("u.jsonl", b"", {}, "u.jsonl is empty", id="an empty JSONL file"),
        pytest.param("u.jsonl", b'{"a": 1}\n{"a": SECRET}\n', {}, "line 2 is not JSON", id="no JSON"),
        pytest.param("u.jsonl", b'{"a": 1}\n[1]\n', {}, "line 2 is not a JSON object", id="no object"),
        pytest.param("u.jsonl", b'{"a": NaN}\n', {}, "line 1 is not JSON", id="NaN is no JSON"),
        pytest.param("u.jsonl", b"[" * 100_000, {}, "line 1 is not JSON", id="nesting without end"),
        pytest.param("u.jsonl", b'{"a": "\xff"}\n', {}, "not text in UTF-8", id="JSONL in latin-1"),
        pytest.param("u.txt", b"a\n1\n", {}, "neither .csv nor .jsonl", id="another kind of file"),
        pytest.param(
            "u.csv",
            b"user,token\nal,SECRET\n",
            {"auth": {"t": "{tokn}"}},
            "u.csv has no column 'tokn', which --auth names",
            id="a column that is not there",
        ),
        pytest.param(
            "u.csv",
            b"al,SECRET\nbo,SECRET\n",
            {"query": (("t", "{token}"),)},
            "u.csv has no column 'token', which --query t names",
            id="a file without a header line: its first row is not shown",
        ),
        pytest.param(
            "u.jsonl",
            b'{"t": 1}\n{"u": "SECRET"}\n',
            {"auth": {"t": "{t}"}},
            "line 2 has no 't'",
            id="an object without the value",
        ),
        pytest.param(
            "u.csv",
            b't\nok\n"SECRET\nX: y"\n',
            {"headers": (("Token", "{t}"),)},
            "line 4: the value for --header Token cannot be sent",
            id="a line break for a header",
        ),
        pytest.param(
            "u.csv",
            b"n\n5\nSECRET\n",
            {"templates": {"size": "{n}kB"}},
            "line 2: --set size",
            id="out of range",
        ),
        pytest.param(
            "u.csv", b"n\n5\nSECRET\n", {"templates": {"size": "{n}"}}, "line 3: --set size", id="no number"
        ),
        pytest.param("u.csv", b"n\n0\n", {"templates": {"rate": "{n}"}}, "the value for --set rate", id="0"),
        pytest.param("u.csv", b"n\nSECRET\n", {"templates": {"mode": "{n}"}}, "--set mode", id="no choice"),
        pytest.param(
            "u.csv",
            b"n\n1\n",
            {"templates": {"size": "{number}"}},
            "the users' numbers may not",
            id="numbers",
        ),
        pytest.param("u.csv", b"n\n1\n", {"auth": {"a": "{n"}}, "--auth has a {", id="a brace alone"),
    ],
)
def test_bad_input_names_file_and_line_and_no_value(
    tmp_path: Path, name: str, text: bytes, own: dict[str, Any], said: str
) -> None:
    (tmp_path / name).write_bytes(text)
    with pytest.raises(InputError) as caught:
        loaded(tmp_path / name, **own)
    assert said in caught.value.message
    assert "SECRET" not in caught.value.message + caught.value.hint


def test_the_nearest_column_is_named(tmp_path: Path) -> None:
    (tmp_path / "u.csv").write_text("user,token\na,b\n")
    with pytest.raises(InputError) as caught:
        loaded(tmp_path / "u.csv", auth={"t": "{tokn}"})
    assert caught.value.hint == "did you mean {token}?"


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*none\.csv"):
        loaded(tmp_path / "none.csv")


def test_a_column_may_be_called_number(tmp_path: Path) -> None:
    (tmp_path / "u.csv").write_text("number\n5\n")
    assert loaded(tmp_path / "u.csv", templates={"size": "{number}"}) == [{"number": "5"}]
    own = OwnValues(Identity(), {"size": "{number}"}, with_rows=True)
    assert own.settings_of({"size": SIZE}, {"number": "5"}, 99) == {"size": 5}


def test_settings_and_identity_of_one_user() -> None:
    own = OwnValues(
        Identity({"t": "{t}", "n": "{number}"}, (("H", "Bearer {t}"),), (("q", "{t}"),), ("/a",)),
        {"size": "{n}B", "name": "room-{number}", "rate": "{n}"},
        with_rows=True,
    )
    row = {"t": "tok", "n": "12"}
    assert own.settings_of({"size": SIZE, "name": NAME}, row, 3) == {"size": 12, "name": "room-3"}
    found = own.identity_of(row, 3)
    assert (found.auth, found.headers, found.query, found.namespaces) == (
        {"t": "tok", "n": "3"}, (("H", "Bearer tok"),), (("q", "tok"),), ("/a",),
    )  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(table=st.lists(st.lists(st.text(st.characters(codec="utf-8")), min_size=2, max_size=2), min_size=1))
def test_what_a_csv_writer_wrote_is_read(tmp_path: Path, table: list[list[str]]) -> None:
    """As the csv module writes them: commas, quotes, line breaks of any kind, blanks."""
    written = io.StringIO(newline="")
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows([["a", "b"], *table])
    (tmp_path / "u.csv").write_bytes(written.getvalue().encode())
    assert [list(row.values()) for _, row in read(tmp_path / "u.csv")] == table


@pytest.mark.parametrize(
    ("users", "starting"),
    [((10,), 10), ((10, 10), 10), ((5, 10, 2, 8, 0), 16), ((0, 0), 0), ((), 0)],
)
def test_users_that_start_over_stages(users: tuple[int, ...], starting: int) -> None:
    """Who comes after another has left is another user, and takes a row of its own."""
    assert users_options.starting([Stage(1.0, count) for count in users]) == starting


def test_fewer_rows_than_users_are_refused_unless_they_are_reused(tmp_path: Path) -> None:
    (tmp_path / "u.csv").write_text("a\n1\n2\n")
    own = OwnValues(Identity(), {}, with_rows=True)
    load(tmp_path / "u.csv", own, {}, reuse=False).check_enough(2)
    load(tmp_path / "u.csv", own, {}, reuse=True).check_enough(3)
    with pytest.raises(InputError, match=r"u\.csv has 2 rows, and 3 users start"):
        load(tmp_path / "u.csv", own, {}, reuse=False).check_enough(3)
