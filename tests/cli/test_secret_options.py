"""What may be secret is starred in recorded commands, and dropped from what children inherit."""

import pytest

from siotool.cli.secret_options import drop_variables, redacted


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        pytest.param(["--auth", "S", "--users", "5"], ["--auth", "***", "--users", "5"], id="as two words"),
        pytest.param(["--header=A: S"], ["--header=***"], id="as one word"),
        pytest.param(["--query", "k=S"], ["--query", "***"], id="a query parameter"),
        pytest.param(["http://h:1/?token=S"], ["http://h:1/?***"], id="the query of a URL"),
        pytest.param(["http://h:1?token=S@3"], ["http://h:1?***"], id="of a URL with a weight"),
        pytest.param(["--namespace", "/chat?t=S"], ["--namespace", "/chat?***"], id="of a namespace"),
        pytest.param(["--namespace=/chat?t=S"], ["--namespace=/chat?***"], id="of a namespace as one word"),
        pytest.param(["--auth", "--auth", "S"], ["--auth", "***", "S"], id="the value is the next word"),
        pytest.param(["--set", "q=what?"], ["--set", "q=what?"], id="other question marks stay"),
        pytest.param(["auth", "x"], ["auth", "x"], id="only options are"),
    ],
)
def test_redacted(arguments: list[str], shown: list[str]) -> None:
    assert redacted(arguments) == shown


def test_children_do_not_inherit_secret_variables() -> None:
    environment = {
        "SIOTOOL_LOADTEST_AUTH": "S",
        "SIOTOOL_PROBE_HEADER": "S",
        "SIOTOOL_LOADTEST_QUERY": "S",
        "SIOTOOL_LOADTEST_USERS": "5",
        "AUTH": "x",
        "PATH": "/bin",
    }
    drop_variables(environment)
    assert sorted(environment) == ["AUTH", "PATH", "SIOTOOL_LOADTEST_USERS"]
