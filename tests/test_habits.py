"""What holds the repository together beside its code: workflows, the changelog, what the papers point to."""

import json
import re
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests import branch_gate

REPOSITORY = Path(__file__).parents[1]
WORKFLOWS = sorted((REPOSITORY / ".github/workflows").glob("*.yml"))
PAPERS = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")]

USES = re.compile(r"^\s*(?:-\s*)?uses:\s*(.*)$", re.MULTILINE)
PINNED = re.compile(r"([\w.-]+(?:/[\w.-]+)+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+")


def breaches(workflows: dict[str, str]) -> list[str]:
    """What is wrong in workflows, by name: their text is not this project's to change once they run."""
    found, known = [], dict[str, str]()
    for name, text in workflows.items():
        for used in USES.findall(text):
            pin = PINNED.fullmatch(used.strip())
            if pin is None:
                found.append(f"{name}: {used} is not pinned by a commit, its version behind it")
            elif known.setdefault(pin[1], used) != used:
                found.append(f"{name}: {used} and {known[pin[1]]}")
        if "\npermissions:\n  contents: read\n\n" not in text:
            found.append(f"{name}: a job without permissions of its own may do more than read")
        *_, jobs = text.partition("\njobs:\n")
        for job in re.split(r"^  (?=\w[\w-]*:$)", jobs, flags=re.MULTILINE)[1:]:
            title = f"{name}: {job.partition(':')[0]}"
            if "\n    timeout-minutes: " not in job:
                found.append(f"{title} may run for six hours")
            if ": write" in job and "\n    environment: " not in job:
                found.append(f"{title} may write, and nobody is asked before it runs")
            if re.search(r"\$\{\{ *github\.(event|head_ref)", job):
                found.append(f"{title} puts what strangers write into a script")
    return found


def test_there_are_workflows() -> None:
    assert {path.name for path in WORKFLOWS} == {"ci.yml", "release.yml"}


def test_workflows_take_no_action_that_may_change_and_give_no_right_they_need_not() -> None:
    assert breaches({path.name: path.read_text(encoding="utf-8") for path in WORKFLOWS}) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7", "is not pinned"),
        ("@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@" + "0" * 40, "is not pinned"),
        ("@3d3c42e5aac5ba805825da76410c181273ba90b1", "@" + "0" * 40, " and actions/checkout@"),
        ("permissions:\n  contents: read\n\n", "", "without permissions"),
        ("    timeout-minutes: 20\n", "", "six hours"),
        ("    environment: pypi\n", "", "nobody is asked"),
        ("run: make dist", "run: echo ${{ github.event.head_commit.message }}", "strangers"),
    ],
)
def test_a_breach_is_found(old: str, new: str, said: str) -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in WORKFLOWS}
    assert old in texts["release.yml"]
    texts["release.yml"] = texts["release.yml"].replace(old, new, 1)
    assert any(said in breach for breach in breaches(texts)), breaches(texts)


def test_only_the_job_that_publishes_may_ask_for_an_identity() -> None:
    holders = [path.name for path in WORKFLOWS for _ in re.findall("id-token", path.read_text("utf-8"))]
    assert holders == ["release.yml"]
    jobs = (REPOSITORY / ".github/workflows/release.yml").read_text(encoding="utf-8")
    publish = jobs.partition("\n  publish:\n")[2]
    assert "id-token: write" in publish
    assert "run:" not in publish, "no code of the checkout runs beside the identity"


def test_ci_and_its_script_run_the_same() -> None:
    """Who runs .ci/run sees what CI will say."""
    script = (REPOSITORY / ".ci/run").read_text(encoding="utf-8")
    ci = (REPOSITORY / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    asked = {word for line in re.findall(r"run: make (.*)", ci) for word in line.split()}
    done = {word for line in re.findall(r"^make (.*)", script, re.MULTILINE) for word in line.split()}
    done = {word for word in done if "=" not in word}
    assert asked == done


def test_every_target_that_is_spoken_of_is_there() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    texts = [*PAPERS, *WORKFLOWS, REPOSITORY / ".ci/run", REPOSITORY / ".github/pull_request_template.md"]
    spoken = {
        word
        for path in texts
        for line in re.findall(
            r"(?:^|`|run: )make ((?:[a-z]+(?:-[a-z]+)*\b ?)+)", path.read_text("utf-8"), re.MULTILINE
        )
        for word in line.split()
    }
    assert spoken > {"test", "lint", "architecture"}
    assert spoken <= targets


def test_hooks_fetch_nothing() -> None:
    hooks = (REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"- repo: (.*)", hooks) == ["local"]
    assert set(re.findall(r"language: (.*)", hooks)) == {"system"}


def test_the_changelog_begins_with_what_comes_and_then_this_version() -> None:
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    comes, newest, *older = re.findall(r"^## (.*)$", changelog, re.MULTILINE)
    assert comes == "Unreleased"
    assert newest.partition(" – ")[0] == version
    dates = [date.fromisoformat(heading.partition(" – ")[2]) for heading in (newest, *older)]
    assert dates == sorted(dates, reverse=True)


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_what_a_paper_points_to_is_there(paper: Path) -> None:
    text = paper.read_text(encoding="utf-8")
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    missing = [link for link in links if link and "://" not in link and not (paper.parent / link).exists()]
    assert missing == []


def test_the_readme_names_the_papers() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    for paper in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs/architecture.md"):
        assert f"]({paper})" in readme


def measured(**missed: list[list[int]]) -> dict[str, Any]:
    """What ``coverage json`` writes of a hundred branches, with these missed ones by file."""
    files = {f"siotool/{name}.py": {"missing_branches": jumps} for name, jumps in missed.items()}
    taken = 100 - sum(map(len, missed.values()))
    return {"totals": {"num_branches": 100, "covered_branches": taken}, "files": files}


def test_branches_that_nothing_takes_are_found_whatever_the_lines_say() -> None:
    held, said = branch_gate.judge(measured(units=[[3, 5]], runs=[[7, -1], [9, 12]]), 98)
    assert not held
    assert "97 of 100" in said
    assert "97.00 %" in said
    assert "siotool/runs.py (7 to the end, 9 to 12); siotool/units.py (3 to 5)" in said
    assert branch_gate.judge(measured(units=[[3, 5]], runs=[[7, -1]], whole=[]), 98)[0]


def test_nothing_measured_is_nothing_held() -> None:
    assert not branch_gate.judge({"totals": {"num_branches": 0, "covered_branches": 0}, "files": {}}, 98)[0]


def test_the_branches_are_judged_where_coverage_is_measured() -> None:
    """CI and .ci/run both call this target; the gate ends it, as no later command hides its exit code."""
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    *_, last = makefile.partition("\ncoverage:")[2].partition("\n\n")[0].splitlines()
    assert last.endswith("coverage json --quiet -o - | $(VENV)/bin/python tests/branch_gate.py")
    assert branch_gate.least_percent() >= 98
    planted = json.dumps(measured(units=[[3, 5]] * 3))
    script = [sys.executable, str(REPOSITORY / "tests/branch_gate.py")]
    judged = subprocess.run(script, input=planted, capture_output=True, text=True, check=False)
    assert judged.returncode == 1
    assert "siotool/units.py" in judged.stdout
