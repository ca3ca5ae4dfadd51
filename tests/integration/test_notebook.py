"""The example notebook runs from top to bottom on the example run, and is committed without its outputs."""

import re
import tomllib
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "docs/notebook.ipynb"


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_no_outputs_are_committed(notebook):
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert [(cell.outputs, cell.execution_count) for cell in code] == [([], None)] * len(code)


def test_what_siotool_does_not_install_is_said(notebook):
    """Trap: the notebook said that siotool installs Altair, and its last cell failed without it."""
    project = tomllib.loads((NOTEBOOK.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = {re.split(r"[^\w-]", one)[0].lower() for one in project["dependencies"]} | {"siotool"}
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    others = set(re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE)) - own
    said = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    tables = (NOTEBOOK.parent / "tables.md").read_text(encoding="utf-8")
    assert {one for text in (said, tables) for one in others if f"pip install {one}" not in text} == set()
    assert others


@pytest.mark.slow
# the kernel's own libraries, on their way to its next version
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_every_cell_runs_and_shows_its_answer(notebook):
    client = NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(NOTEBOOK.parent)}})
    client.execute()
    shown = [
        "".join(out.data.get("text/plain", "") for out in cell.outputs if "data" in out)
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]
    about, deliveries, cost, phases, chart = shown
    assert "scenario" in about
    assert "p99_s" in deliveries
    assert 0 < float(cost) < 1000  # microseconds of a core
    assert "hold phase" in phases
    assert "alt.Chart" in chart
