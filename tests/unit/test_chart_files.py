"""Charts as files: an SVG and a PNG of each, and of nothing else."""

import re

from siotool.document.assets import asset
from siotool.document.chart_files import chart_files
from siotool.document.document import Axis, Chart, Curve, Document, Section, Sentence


def test_each_chart_is_an_svg_and_a_png_named_by_its_key():
    chart = Chart("cpu", "CPU", Axis("count"), Axis("cores"), [Curve("server", [(0.0, 0.1), (1.0, 0.4)])])
    sections = [Section("a", "A", [Sentence("No chart."), chart]), Section("b", "B", [])]
    document = Document(name="x", context="", headline="", tone="", answer=[], sections=sections)
    found = {one.name: one.content for one in chart_files(document)}
    assert list(found) == ["cpu.svg", "cpu.png"]
    assert found["cpu.svg"].startswith(b"<svg")
    assert b"CPU" in found["cpu.svg"]
    assert found["cpu.png"].startswith(b"\x89PNG")


def test_what_was_broken_is_red_and_what_figures_are_from_is_not():
    """Trap: the colour of a style was called fill, and both were blue."""
    curve = Curve("server", [(0.0, 0.1), (9.0, 0.4)])
    chart = Chart(
        "cpu", "CPU", Axis("clock"), Axis("cores"), [curve], shades=[(0.0, 3.0)], troubles=[(4.0, 5.0)]
    )
    document = Document(
        name="x", context="", headline="", tone="", answer=[], sections=[Section("a", "A", [chart])]
    )
    drawn = next(one.content.decode() for one in chart_files(document))
    fills = dict(re.findall(r'aria-label="t: (\d); end[^>]*fill="(#[0-9a-f]+)"', drawn))
    colours = dict(re.findall(r"--(hold|bad):\s*(#[0-9a-f]+);", asset("page.css").partition("}")[0]))
    assert fills == {"0": colours["hold"], "4": colours["bad"]}
