"""Charts as files: an SVG and a PNG of each, and of nothing else."""

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
