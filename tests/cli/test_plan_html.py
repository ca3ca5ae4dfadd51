"""``siotool plan -o plan.html``: the page by its name, with all the command knows of the plan."""

import pytest

PLAN = """
[workload]
connections = "10k..20k"
consumption_rate = "2kB/s"
growth = "50%"
[server]
capacity = "10MB/s"
accept_rate = "300/s"
"""
FORMULA = ("plan", "--connections", "50k", "--consumption-rate", "2KB/s", "--capacity", "20MB/s")


@pytest.mark.slow
def test_the_name_of_the_file_asks_for_the_page(siotool, tmp_path):
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    done = siotool("plan", "plan.toml", "--date", "2026-01-01", "-o", "plan.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    html = (tmp_path / "plan.html").read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>")
    assert html.rstrip().endswith("</html>")
    for place in ("counts", "sure", "what-if", "storm", "forecast", "formula", "inputs"):
        assert f'id="{place}"' in html


@pytest.mark.parametrize(
    ("arguments", "begins"),
    [
        pytest.param(["--format", "html"], "<!doctype html>", id="to stdout"),
        pytest.param(["-o", "plan.json"], "{", id="json by its name"),
        pytest.param(["-o", "plan.md"], "# ", id="md by its name"),
        pytest.param(
            ["--format", "text", "-o", "plan.html"], " 50,000", id="the format counts over the name"
        ),
    ],
)
def test_the_format_is_the_one_asked_for(siotool, tmp_path, arguments, begins):
    done = siotool(*FORMULA, *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = done.stdout or (tmp_path / arguments[-1]).read_text(encoding="utf-8")
    assert written.startswith(begins)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        pytest.param(("storm", "plan.toml", "--servers", "4"), "99 % are back after", id="a storm"),
        pytest.param(("diff", "plan.toml", "plan.toml"), "The plans have the same inputs", id="a difference"),
    ],
)
def test_a_storm_and_a_difference_are_pages_too(asked, says, siotool, tmp_path):
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    done = siotool("plan", *asked, "-o", "page.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>")
    assert says in html
    assert f"Made by siotool plan {asked[0]}" in html
