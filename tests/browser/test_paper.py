"""Pages printed to PDF by the browser: every word of the document is on the paper."""

import subprocess

import pytest

from siotool.document.html import render
from siotool.printable import LINE_AT_MOST, printable
from tests.browser.pages import failed, planned
from tests.browser.pdf_text import squeezed, text_of
from tests.unit.printed import said

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("make", [failed, planned])
def test_printing_loses_nothing(chromium, make, tmp_path):
    document = make()
    page, paper = tmp_path / "page.html", tmp_path / "page.pdf"
    page.write_text(render(document), encoding="utf-8")
    subprocess.run(
        [
            *chromium,
            "--virtual-time-budget=20000",
            "--no-pdf-header-footer",
            f"--print-to-pdf={paper}",
            page.as_uri(),
        ],
        capture_output=True,
        timeout=120,
        check=True,
    )
    pdf = paper.read_bytes()
    printed = text_of(pdf)
    wanted = [squeezed(printable(word, LINE_AT_MOST)) for word in said(document, "html")]
    assert len(wanted) > 200
    assert [word for word in wanted if word not in printed] == []
    # the tables that stand for charts are left out, where charts are drawn
    assert squeezed("Figures of") not in printed
    assert 3 < pdf.count(b"/Type /Page\n") < 25
    # the control: what is not on the page is not on the paper
    assert squeezed("a sentence of nobody's") not in printed
