import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool import units
from siotool.errors import UnitError

READ = [
    pytest.param(units.parse_count, "250", 250, id="a count may be bare"),
    pytest.param(units.parse_count, "10k", 10_000, id="k is a thousand"),
    pytest.param(units.parse_count, "1.5M", 1_500_000, id="a prefix may carry a fraction"),
    pytest.param(units.parse_count, "1_000_000", 1_000_000, id="underscores group digits"),
    pytest.param(units.parse_count, "2e3", 2_000, id="an exponent is a number too"),
    pytest.param(units.parse_count, ".5", 0.5, id="the zero before the point may be left out"),
    pytest.param(units.parse_count, "-3", -3, id="a sign is read; whether it makes sense is asked later"),
    pytest.param(units.parse_byte_rate, "2KB/s", 2_000, id="KB is 1000 bytes"),
    pytest.param(units.parse_byte_rate, "2kB/s", 2_000, id="kB is 1000 bytes too"),
    pytest.param(units.parse_byte_rate, "1KiB/s", 1_024, id="KiB is 1024 bytes"),
    pytest.param(units.parse_byte_rate, "16kbit/s", 2_000, id="eight bits are a byte"),
    pytest.param(units.parse_byte_rate, "100Mbps", 12_500_000, id="bps is bits per second"),
    pytest.param(units.parse_byte_rate, "100MBps", 100_000_000, id="Bps is bytes per second"),
    pytest.param(units.parse_byte_rate, "1 GiB/s", 2**30, id="a space before the unit is fine"),
    pytest.param(units.parse_size, "64B", 64, id="plain bytes"),
    pytest.param(units.parse_size, "1e-9999999999999999999kB", 0, id="too small to be anything"),
    pytest.param(units.parse_size, "16KiB", 16_384, id="binary prefix"),
    pytest.param(units.parse_size, "8kbit", 1_000, id="a size in bits"),
    pytest.param(units.parse_size, " 2TB ", 2e12, id="spaces around do no harm"),
    pytest.param(units.parse_duration, "250ms", 0.25, id="milliseconds"),
    pytest.param(units.parse_duration, "5min", 300, id="minutes"),
    pytest.param(units.parse_duration, "5m", 300, id="m is minutes"),
    pytest.param(units.parse_duration, "0.5h", 1_800, id="hours"),
    pytest.param(units.parse_duration, "1d", 86_400, id="days"),
    pytest.param(units.parse_duration, "7\u00b5s", 7e-6, id="the micro sign"),
    pytest.param(units.parse_duration, "7\u03bcs", 7e-6, id="the Greek letter that looks like it"),
    pytest.param(units.parse_duration, "0", 0, id="nothing needs no unit"),
    pytest.param(lambda text: str(units.parse_count(text)), "-0", "0.0", id="there is no negative nothing"),
    pytest.param(units.parse_share, "70%", 0.7, id="percent, to the last bit"),
    pytest.param(units.parse_share, "99.9%", 0.999, id="a fraction of a percent, to the last bit"),
    pytest.param(units.parse_share, "0.7", 0.7, id="a bare share"),
    pytest.param(units.parse_size, "1e-999999999999B", 0, id="an exponent beyond every float is nothing"),
]


@pytest.mark.parametrize(("parse", "text", "expected"), READ)
def test_reads(parse, text, expected):
    assert parse(text) == expected


REFUSED = [
    pytest.param(units.parse_count, "", "not a quantity", "10k", id="nothing"),
    pytest.param(units.parse_count, "many", "not a quantity", "10k", id="a word"),
    pytest.param(units.parse_count, "inf", "not a finite number", "", id="infinity"),
    pytest.param(units.parse_byte_rate, "nanB/s", "not a finite number", "", id="not a number"),
    pytest.param(units.parse_count, "1e999", "not a finite number", "", id="overflow in the number"),
    pytest.param(units.parse_size, "1e308MB", "too large", "", id="overflow by the prefix"),
    pytest.param(units.parse_count, "1__0", "unit '__0'", "", id="two underscores are a slip"),
    pytest.param(units.parse_count, "1,000", "separator", "1_500", id="a comma means different things"),
    pytest.param(units.parse_count, "1 000", "separator", "1_500", id="a space inside a number"),
    pytest.param(units.parse_count, "10kB", "unit 'kB'", "known units: k", id="bytes are no count"),
    pytest.param(units.parse_byte_rate, "5000ops/s", "unit 'ops/s'", "B/s", id="operations are no bandwidth"),
    pytest.param(units.parse_byte_rate, "5000", "no unit", "B/s", id="a bare number is no bandwidth"),
    pytest.param(
        units.parse_byte_rate, "100MB", "unit 'MB'", "did you mean MB/s?", id="per second forgotten"
    ),
    pytest.param(units.parse_byte_rate, "100b/s", "unit 'b/s'", "ambiguous", id="a lone b"),
    pytest.param(units.parse_byte_rate, "100mb/s", "unit 'mb/s'", "ambiguous", id="a lone b, small prefix"),
    pytest.param(units.parse_size, "10Kib", "unit 'Kib'", "ambiguous", id="a lone b, binary prefix"),
    pytest.param(units.parse_size, "10MIB", "unit 'MIB'", "did you mean MiB?", id="wrong case"),
    pytest.param(
        units.parse_byte_rate, "9mbps", "'mbps'", "MBps or Mbps?", id="a case that decides eightfold"
    ),
    pytest.param(units.parse_duration, "5", "no unit", "ms", id="a bare number is no duration"),
    pytest.param(units.parse_duration, "2 fortnights", "unit 'fortnights'", "known units", id="unknown unit"),
    pytest.param(units.parse_share, "70 pct", "unit 'pct'", "%", id="percent spelled otherwise"),
]


@pytest.mark.parametrize(("parse", "text", "message", "hint"), REFUSED)
def test_refuses(parse, text, message, hint):
    with pytest.raises(UnitError) as caught:
        parse(text, "--figure")
    assert caught.value.message.startswith("--figure: ")
    assert repr(text) in caught.value.message or not text
    assert message in caught.value.message
    assert hint in caught.value.hint


WRITTEN = [
    pytest.param(units.format_size, 0, "0 B", id="nothing"),
    pytest.param(units.format_size, 999, "999 B", id="below the first prefix"),
    pytest.param(units.format_size, 1_500, "1.5 kB", id="three digits"),
    pytest.param(units.format_size, 999_600, "1 MB", id="what rounds to the next prefix takes it"),
    pytest.param(units.format_size, 5e15, "5,000 TB", id="beyond the last prefix"),
    pytest.param(units.format_size, -2_000, "-2 kB", id="negative"),
    pytest.param(units.format_byte_rate, 2_000, "2 kB/s", id="a rate"),
    pytest.param(units.format_duration, 0.0042, "4.2 ms", id="milliseconds"),
    pytest.param(units.format_duration, 30, "30 s", id="seconds"),
    pytest.param(units.format_duration, 90, "1.5 min", id="minutes"),
    pytest.param(units.format_duration, 86_400, "24 h", id="hours"),
    pytest.param(units.format_count, 1_000_000, "1,000,000", id="thousands separators"),
    pytest.param(units.format_count, 0.25, "0.25", id="a fraction"),
    pytest.param(units.format_count, 7, "7", id="an int is a count too"),
    pytest.param(units.format_count, math.inf, "inf", id="what is refused must still be named"),
    pytest.param(units.format_share, 0.7, "70 %", id="a share"),
    pytest.param(units.format_share, 0.0123, "1.23 %", id="a small share"),
    pytest.param(units.format_share, 1, "100 %", id="all"),
    pytest.param(units.format_share, 0.99999, "99.999 %", id="five nines are not 100 %"),
    pytest.param(units.format_share, 0.95, "95 %", id="no zeros after the point"),
    pytest.param(units.format_share, 7, "700 %", id="more than all"),
]


@pytest.mark.parametrize(("write", "value", "expected"), WRITTEN)
def test_writes(write, value, expected):
    assert write(value) == expected


PAIRS = [
    pytest.param(units.format_size, units.parse_size, id="size"),
    pytest.param(units.format_byte_rate, units.parse_byte_rate, id="rate"),
    pytest.param(units.format_duration, units.parse_duration, id="duration"),
    pytest.param(units.format_count, units.parse_count, id="count"),
    pytest.param(units.format_share, units.parse_share, id="share"),
]


@pytest.mark.parametrize(("write", "parse"), PAIRS)
@given(value=st.floats(1e-6, 1e15))
def test_what_is_written_reads_back_within_its_three_digits(write, parse, value):
    written = write(value).replace(",", "")
    assert parse(written) == pytest.approx(value, rel=0.0051)


@given(number=st.decimals(min_value=0, max_value=10**9, places=3))
def test_the_same_bandwidth_in_other_units_is_the_same_float(number):
    bits = units.parse_byte_rate(f"{8 * number}kbit/s")
    assert bits == units.parse_byte_rate(f"{number}kB/s") == units.parse_byte_rate(f"{1000 * number}B/s")


@given(value=st.floats(0.9, 1, exclude_max=True))
def test_a_share_below_one_is_never_written_as_all_of_it(value):
    if 1 - value > 1e-12:
        assert units.format_share(value) != "100 %"


@given(text=st.text(max_size=12))
def test_any_text_is_either_read_or_refused_with_a_hint(text):
    for parse in (units.parse_count, units.parse_size, units.parse_byte_rate, units.parse_duration):
        try:
            value = parse(text)
        except UnitError as error:
            value, hint = 0.0, error.hint
        else:
            hint = "none needed"
        assert math.isfinite(value)
        assert hint
