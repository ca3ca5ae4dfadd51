"""msgspec in the place of the json module, as python-socketio uses it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.target import wire_json

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,  # every kind of value within every other: more of the same found nothing else
)


@given(values)
def test_reads_what_json_writes_and_writes_what_json_reads(value: Any) -> None:
    assert wire_json.loads(json.dumps(value)) == value
    assert json.loads(wire_json.dumps(value, separators=(",", ":"))) == value


@pytest.mark.parametrize("text", ["probe", "", "{", '{"a":1}x'])
def test_text_that_is_no_json_is_a_value_error(text: str) -> None:
    """python-engineio tries JSON first, and takes a ValueError for plain text."""
    with pytest.raises(ValueError, match=r"JSON|truncated"):
        wire_json.loads(text)
