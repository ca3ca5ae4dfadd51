"""The help of every command says all of its words, also where a line has little room for them."""

import re

import pytest
import typer.main

from siotool.cli import app

COMMANDS = [
    *("", "plan", "plan init", "plan storm", "plan diff", "loadtest", "report", "history", "history add"),
    *("probe", "preflight", "worker", "lab", "lab up", "lab doctor", "lab measure", "target", "demo"),
]


@pytest.fixture
def page(siotool):
    """The help of a command in so many columns."""

    def shown(command: str, columns: int) -> str:
        text = siotool(*command.split(), "--help", COLUMNS=str(columns)).stdout
        assert text
        return text

    return shown


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("command", COMMANDS)
def test_no_word_of_a_help_page_is_cut_off(page, command, columns):
    """Trap: 80 columns had ``upgrade=80,websocket=15,pol…``, and 60 had four options ``--reconnection-…``."""
    wide, narrow = page(command, 200), page(command, columns)
    assert max(map(len, narrow.splitlines())) <= columns
    assert narrow.count("…") == wide.count("…"), [line for line in narrow.splitlines() if "…" in line]
    letters = {text: re.sub(r"[^\w./:=<>$~@-]", "", text) for text in (wide, narrow)}
    assert len(letters[narrow]) == len(letters[wide])


def test_help_names_only_options_that_there_are():
    """Trap: --stage was ``instead of the three above``, and five stood there."""
    root = typer.main.get_command(app.app)
    context = root.make_context("siotool", [], resilient_parsing=True)
    flags, texts = {"--install", "--help"}, []
    for command in filter(None, COMMANDS):
        found, inside = root, context
        for name in command.split():
            found = found.get_command(inside, name)
            inside = found.make_context(name, [], parent=inside, resilient_parsing=True)
        for one in found.get_params(inside):
            flags |= {*one.opts, *one.secondary_opts}
            texts.append((command, one.name, f"{one.help} {one.show_default}"))
        texts.append((command, "", found.help))
    for command, name, text in texts:
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", text))
        assert named <= flags, (command, name)
        assert "above" not in text or name == "severity", (command, name)
