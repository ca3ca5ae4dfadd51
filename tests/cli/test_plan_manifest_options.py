"""Options of an autoscaler's manifest beside a format that has no place for them."""

import pytest

FORMULA = ("plan", "--connections", "1M", "--consumption-rate", "2KB/s", "--capacity", "100MB/s")
GIVEN = (
    ("--deployment", "chat"),
    ("--kube-namespace", "live"),
    ("--pod-start", "90s"),
    ("--prometheus", "http://p:1"),
)


@pytest.mark.parametrize(("option", "value"), GIVEN)
@pytest.mark.parametrize("form", ["text", "json"])
def test_an_option_that_the_format_has_no_place_for_is_named(siotool, option, value, form):
    done = siotool(*FORMULA, option, value, "--format", form)
    assert done.returncode == 0
    assert f"{option} is not used: it goes with --format " in done.stderr


def test_a_manifest_uses_them_and_nothing_is_said(siotool):
    used = siotool(*FORMULA, *(word for pair in GIVEN for word in pair), "--format", "keda")
    assert (used.returncode, "is not used" in used.stderr) == (0, False)
    of_keda = siotool(*FORMULA, *GIVEN[0], *GIVEN[3], "--format", "hpa")
    assert "--prometheus is not used: it goes with --format keda" in of_keda.stderr
