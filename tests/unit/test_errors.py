import itertools

import pytest

from siotool import errors
from siotool.errors import PRECEDENCE, ExitCode, SiotoolError, worst


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        pytest.param(set(), ExitCode.OK, id="nothing happened"),
        pytest.param({ExitCode.OK}, ExitCode.OK, id="all went well"),
        pytest.param({ExitCode.OK, ExitCode.GATE_FAILED}, ExitCode.GATE_FAILED, id="a gate failed"),
        pytest.param(
            {ExitCode.GATE_FAILED, ExitCode.SUSPECT},
            ExitCode.SUSPECT,
            id="a verdict on a suspect run is none",
        ),
        pytest.param(
            {ExitCode.SUSPECT, ExitCode.UNREACHABLE},
            ExitCode.UNREACHABLE,
            id="no target outweighs a suspect run",
        ),
        pytest.param(
            {ExitCode.UNREACHABLE, ExitCode.INTERRUPTED},
            ExitCode.INTERRUPTED,
            id="the user's Ctrl-C comes first",
        ),
        pytest.param({ExitCode.OK, ExitCode.BUG}, ExitCode.BUG, id="a bug is no success"),
        pytest.param({ExitCode.OK, ExitCode.USAGE}, ExitCode.USAGE, id="bad usage is no success"),
    ],
)
def test_the_worst_of_several_codes(codes: set[ExitCode], expected: ExitCode) -> None:
    assert worst(codes) == expected


def test_precedence_covers_every_code_but_ok() -> None:
    assert set(PRECEDENCE) == set(ExitCode) - {ExitCode.OK}


def test_no_set_of_failures_ends_in_success() -> None:
    failures = set(ExitCode) - {ExitCode.OK}
    for size in range(1, len(failures) + 1):
        for codes in itertools.combinations(failures, size):
            assert worst({ExitCode.OK, *codes}) in codes


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("SiotoolError", 1),
        ("InputError", 2),
        ("UnitError", 2),
        ("ScenarioError", 2),
        ("GateError", 2),
        ("RunFileError", 2),
        ("OutputError", 2),
        ("TargetError", 3),
        ("GeneratorError", 3),
    ],
)
def test_each_error_ends_in_its_code(name: str, code: int) -> None:
    error = getattr(errors, name)("what, where", "what to do")
    assert isinstance(error, SiotoolError)
    assert (error.exit_code, error.message, error.hint, str(error)) == (
        code,
        "what, where",
        "what to do",
        "what, where",
    )
