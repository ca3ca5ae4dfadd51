"""A probe shows no secret, also where a long text was shortened before, or a server writes it otherwise."""

import pytest

from siotool.printable import one_line
from siotool.probe.finding import Finding
from siotool.probe.probe_result import safe

TOKEN = "eyJhbGciOiJIUzI1NiJ9." + "x7K" * 60


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        pytest.param(f"invalid token {TOKEN}", "invalid token ***…", id="cut within it"),
        pytest.param(f"invalid token {TOKEN[:100]}", f"invalid token {TOKEN[:100]}", id="no secret at all"),
        pytest.param("wait…", "wait…", id="a server's own dots"),
    ],
)
def test_the_begin_of_a_secret_is_not_shown(said: str, shown: str) -> None:
    """145 characters of a token of 201 stood in the log of a pipeline."""
    (found,) = safe([Finding("auth", "error", one_line(said, 160))], [TOKEN])
    assert found.seen == shown


def test_what_was_percent_encoded_is_hidden_too() -> None:
    (found,) = safe([Finding("namespace", "info", "opened /?token=a%2Fb%3Dc%20d")], ["a/b=c d"])
    assert found.seen == "opened /?token=***"
