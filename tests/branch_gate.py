"""Hold the branches of the pure rooms alone: coverage's own gate adds them to the lines.

Reads what ``coverage json`` wrote on standard input. A line is taken by nearly any test; a branch
that is not taken is a decision that nothing asks about.
"""

import json
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: Files that the sentence names, those with the most missed branches first.
_NAMED = 5


def least_percent() -> float:
    """Return the percentage that coverage's own gate holds: branches alone are held to it as well."""
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    return float(tomllib.loads(text)["tool"]["coverage"]["report"]["fail_under"])


def judge(report: Mapping[str, Any], least: float) -> tuple[bool, str]:
    """Return whether at least ``least`` % of all branches are taken, and a sentence that says so.

    ``report`` is coverage's JSON, of a run that measured branches.
    """
    taken, all_of_them = report["totals"]["covered_branches"], report["totals"]["num_branches"]
    # nothing measured is nothing held
    share = 100 * taken / all_of_them if all_of_them else 0.0
    said = f"{taken:,} of {all_of_them:,} branches are taken: {share:.2f} %, and {least:g} % must be"
    if share >= least:
        return True, f"{said}."
    missed = {
        name: ", ".join(f"{line} to {to if to > 0 else 'the end'}" for line, to in one["missing_branches"])
        for name, one in sorted(report["files"].items(), key=lambda item: -len(item[1]["missing_branches"]))
        if one["missing_branches"]
    }
    worst = "; ".join(f"{name} ({jumps})" for name, jumps in list(missed.items())[:_NAMED])
    return False, f"{said}. Most are missed in {worst or 'no file: none was measured'}."


if __name__ == "__main__":
    held, sentence = judge(json.load(sys.stdin), least_percent())
    print(sentence)
    sys.exit(not held)
