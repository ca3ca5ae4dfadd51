import ast
import subprocess
import sys

import pytest

from siotool.errors import InputError, UnitError
from siotool.plan.inputs.ranges import Range, Replicates, format_figure, parse_figure
from siotool.units import (
    format_byte_rate,
    format_duration,
    format_share,
    parse_byte_rate,
    parse_count,
    parse_duration,
    parse_share,
)


@pytest.mark.parametrize(
    ("text", "parse", "figure"),
    [
        pytest.param("80MB/s", parse_byte_rate, 80e6, id="a quantity"),
        pytest.param("1M", parse_count, 1e6, id="a count"),
        pytest.param(1_000_000, parse_count, 1e6, id="a TOML integer"),
        pytest.param(0.7, parse_share, 0.7, id="a TOML float"),
        pytest.param(-3, parse_count, -3.0, id="bounds are the caller's to hold"),
        pytest.param(1e22, parse_count, 1e22, id="a float that is written with an exponent"),
        pytest.param("80MB/s..120MB/s", parse_byte_rate, Range(80e6, None, 120e6), id="a range"),
        pytest.param(
            "80MB/s..100MB/s..120MB/s", parse_byte_rate, Range(80e6, 100e6, 120e6), id="a most likely value"
        ),
        pytest.param("80..120MB/s", parse_byte_rate, Range(80e6, None, 120e6), id="one unit for both"),
        pytest.param("80..100..120 MB/s", parse_byte_rate, Range(80e6, 100e6, 120e6), id="one for all three"),
        pytest.param(
            "800kB/s..1MB/s..1.2MB/s", parse_byte_rate, Range(8e5, 1e6, 1.2e6), id="each with its own unit"
        ),
        pytest.param("800 kB/s .. 1 MB/s", parse_byte_rate, Range(8e5, None, 1e6), id="spaces"),
        pytest.param("70..80%", parse_share, Range(0.7, None, 0.8), id="percent from the last part"),
        pytest.param("0.7..0.8", parse_share, Range(0.7, None, 0.8), id="shares without a unit"),
        pytest.param(".5...9", parse_share, Range(0.5, None, 0.9), id="decimal points beside the dots"),
        pytest.param("1..5k", parse_count, Range(1e3, None, 5e3), id="prefix from the last part"),
        pytest.param("1e3..1e5", parse_count, Range(1e3, None, 1e5), id="exponents"),
        pytest.param("-5%..20%", parse_share, Range(-0.05, None, 0.2), id="across zero"),
        pytest.param("0..5ms", parse_duration, Range(0.0, None, 0.005), id="from zero"),
        pytest.param("1..1..3", parse_count, Range(1, 1, 3), id="most likely at the end"),
        pytest.param("100..100", parse_count, 100.0, id="no width: a single figure"),
        pytest.param("100..100..100", parse_count, 100.0, id="no width in three parts"),
    ],
)
def test_a_figure_is_read(text, parse, figure):
    read = parse_figure(text, parse, "capacity")
    assert type(read) is type(figure)
    if isinstance(figure, Range):
        assert (read.low, read.likely, read.high) == pytest.approx((figure.low, figure.likely, figure.high))
    else:
        assert read == pytest.approx(figure)


@pytest.mark.parametrize(
    ("text", "parse", "message", "hint"),
    [
        pytest.param(True, parse_count, "True; expected a number", "80MB/s..120MB/s", id="a bool"),
        pytest.param(None, parse_count, "None; expected a number", "80MB/s..120MB/s", id="nothing"),
        pytest.param([1, 2], parse_count, "[1, 2]; expected a number", "80MB/s..120MB/s", id="a list"),
        pytest.param("120..80MB/s", parse_byte_rate, "wrong order", "smaller figure", id="upside down"),
        pytest.param("500..2k", parse_count, "wrong order", "last one's, 'k'", id="a borrowed prefix"),
        pytest.param("1..9..5", parse_count, "outside the range", "between", id="likely above"),
        pytest.param("3..1..5", parse_count, "outside the range", "between", id="likely below"),
        pytest.param("5..7..5", parse_count, "outside the range", "between", id="likely beside no width"),
        pytest.param("80MB/s..120MB", parse_byte_rate, "'120MB' has the unit", "MB/s", id="wrong dimension"),
        pytest.param("80ms..120MB/s", parse_byte_rate, "'80ms' has the unit", "", id="two dimensions"),
        pytest.param("80MB/s..120", parse_byte_rate, "'120' has no unit", "", id="unit only at the front"),
        pytest.param(80, parse_byte_rate, "'80' has no unit", "", id="a number where a unit is needed"),
        pytest.param("1..2..3..4", parse_count, "is not a range", "with the most likely", id="four parts"),
        pytest.param("..5", parse_count, "is not a range", "write", id="no first part"),
        pytest.param("5..", parse_count, "is not a range", "write", id="no last part"),
        pytest.param("1....5", parse_count, "is not a range", "write", id="an empty middle"),
        pytest.param("1..nan", parse_count, "not a finite number", "", id="not a number"),
        pytest.param(float("inf"), parse_count, "not a finite number", "", id="infinity"),
        pytest.param("80-120MB/s", parse_byte_rate, "is not a quantity", "for a range", id="a hyphen"),
        pytest.param("80MB/s – 120MB/s", parse_byte_rate, "not a quantity", "for a range", id="a dash"),
        pytest.param("70% to 80%", parse_share, "is not a quantity", "for a range", id="in words"),
        pytest.param("80…120", parse_count, "is not a quantity", "for a range", id="an ellipsis"),
        pytest.param("many", parse_count, "'many' is not a quantity", "write it like", id="no figure"),
    ],
)
def test_what_is_no_figure_is_refused_by_name(text, parse, message, hint):
    with pytest.raises(UnitError) as refused:
        parse_figure(text, parse, "plan.toml: server.capacity")
    assert isinstance(refused.value, InputError)
    assert refused.value.message.startswith("plan.toml: server.capacity")
    assert message in refused.value.message
    assert hint in refused.value.hint


@pytest.mark.parametrize(
    ("figure", "show", "text"),
    [
        pytest.param(80e6, format_byte_rate, "80 MB/s", id="a figure"),
        pytest.param(Range(80e6, None, 120e6), format_byte_rate, "80 MB/s..120 MB/s", id="a range"),
        pytest.param(Range(0.01, 0.02, 0.05), format_duration, "10 ms..20 ms..50 ms", id="with a mode"),
        pytest.param(
            Replicates(tuple(i / 100 for i in range(1, 101))), format_share, "5 %..50 %..95 %", id="scatter"
        ),
    ],
)
def test_a_figure_is_written_as_it_is_read(figure, show, text):
    assert format_figure(figure, show) == text


def test_what_is_written_can_be_read_again():
    stated = Range(80e6, 100e6, 120e6)
    assert parse_figure(format_figure(stated, format_byte_rate), parse_byte_rate, "capacity") == stated


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((2, None, 1), id="upside down"),
        pytest.param((1, None, 1), id="no width"),
        pytest.param((1, 3, 2), id="likely outside"),
        pytest.param((1, float("nan"), 2), id="likely not a number"),
        pytest.param((1, None, float("inf")), id="infinite"),
    ],
)
def test_no_range_is_ever_out_of_order(arguments):
    with pytest.raises(ValueError, match=r"\.\."):
        Range(*arguments)


@pytest.mark.parametrize("values", [(), (1.0, float("nan"))])
def test_samples_are_finite_numbers(values):
    with pytest.raises(ValueError, match="finite"):
        Replicates(values)


def test_reading_ranges_does_without_numpy():
    code = "import sys, siotool.plan.inputs.ranges; print(sorted({'numpy', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ast.literal_eval(done.stdout) == []
