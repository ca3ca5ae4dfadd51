import math

import pytest

from siotool.errors import InputError, UnitError
from siotool.plan.inputs import planfile
from siotool.plan.inputs.fields import (
    DIMENSIONS,
    FIELDS,
    MESSAGE_FIELDS,
    SECTIONS,
    dimension,
    field_of,
)
from siotool.plan.inputs.figure import KINDS
from siotool.plan.inputs.provenance import Provenance
from siotool.plan.inputs.ranges import Range

TYPED = Provenance("typed", "a test")
NUMBERS = [field for field in FIELDS if field.kind not in ("choice", "flag")]
BY_KEY = {"ids": lambda field: field.key}

#: A figure in a unit that no figure of the kind can have.
WRONG_UNITS = {
    "count": "5MB",
    "rate": "5MB/s",
    "byte_rate": "5MB",
    "size": "5MB/s",
    "duration": "5MB",
    "share": "5s",
    "factor": "5%",
}


def read(field, text):
    return planfile.read(field, text, f"plan.toml: {field.key}", TYPED).value


@pytest.mark.parametrize("field", FIELDS, **BY_KEY)
def test_every_field_reads_its_own_default_and_example(field):
    for text in filter(None, (field.default, field.example)):
        assert read(field, text) is not None
    for name in field.choices:
        assert read(field, name) == name


@pytest.mark.parametrize("field", FIELDS, **BY_KEY)
def test_every_field_is_in_a_section_and_says_what_it_means(field):
    assert field.section in SECTIONS
    assert field.name
    assert "." not in field.name
    assert field.about
    assert not field.about.endswith(".")
    assert field_of(field.key) is field


def test_no_key_stands_twice():
    keys = [field.key for field in FIELDS]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("field", NUMBERS, **BY_KEY)
def test_every_number_refuses_a_unit_of_another_kind_by_its_key(field):
    with pytest.raises(UnitError, match=rf"^plan\.toml: {field.key}: .* has the unit .*; expected one like"):
        read(field, WRONG_UNITS[field.kind])


@pytest.mark.parametrize("field", NUMBERS, **BY_KEY)
def test_every_number_keeps_its_bounds(field):
    show = dimension(field.kind).show
    unit = {"byte_rate": "B/s", "size": "B", "duration": "s", "rate": "/s"}.get(field.kind, "")
    below = field.low if field.above else math.nextafter(field.low, -math.inf) - 1
    with pytest.raises(InputError, match=rf"plan\.toml: {field.key} is .*; expected") as caught:
        read(field, f"{below!r}{unit}")
    assert ("more than" if field.above else "or more") in caught.value.message
    assert show(field.low) in caught.value.message
    above = field.high if field.below else min(field.high, dimension(field.kind).most) * 1.01
    with pytest.raises(InputError, match=rf"plan\.toml: {field.key} is "):
        read(field, f"{above!r}{unit}")
    if math.isfinite(field.high) and not field.below:
        assert read(field, f"{field.high!r}{unit}") == field.high
    if not field.above:
        assert read(field, f"{field.low!r}{unit}") == field.low


@pytest.mark.parametrize("field", NUMBERS, **BY_KEY)
def test_a_figure_may_be_a_range_unless_it_was_decided(field):
    low, high = {"share": ("10%", "20%"), "factor": ("1", "2")}.get(field.kind, ("", ""))
    unit = {"byte_rate": "B/s", "size": "B", "duration": "s", "rate": "/s"}.get(field.kind, "")
    text = f"{low}..{high}" if low else f"2{unit}..3{unit}"
    if field.fixed:
        with pytest.raises(InputError, match=rf"{field.key} is a range") as caught:
            read(field, text)
        assert caught.value.hint == "this figure is a decision, not a guess: write one value"
    else:
        assert isinstance(read(field, text), Range)


@pytest.mark.parametrize("kind", sorted(DIMENSIONS))
def test_what_is_shown_can_be_read(kind):
    dimension_ = DIMENSIONS[kind]
    for value in (0.25, 1.0, 12.0):
        shown = dimension_.show(value).replace(" ", "").replace(",", "_")
        assert dimension_.parse(shown, "a test") == value


def test_a_figure_of_a_message_has_the_message_s_key():
    for field in MESSAGE_FIELDS:
        found = field_of(f"workload.messages.a.b.{field.key}")
        assert (found.key, found.kind) == (f"workload.messages.a.b.{field.key}", field.kind)


@pytest.mark.parametrize(
    "key", ["workload.rate", "workload.messages.chat.rat", "workload.messages.chat.kind", "", "server"]
)
def test_no_field_has_another_key(key):
    with pytest.raises(LookupError):
        field_of(key)


def test_names_of_choices_and_kinds_are_not_repeated():
    assert len(set(KINDS)) == len(KINDS)
    for field in FIELDS:
        assert len(set(field.choices)) == len(field.choices)
        assert (field.kind == "choice") == bool(field.choices)
