"""``siotool report --format csv|parquet``: one table of the runs, to a file or a pipe."""

import csv
import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

RUN = Path(__file__).parents[1] / "golden/report/echo.jsonl"


def test_csv_is_the_operations_second_by_second(siotool):
    done = siotool("report", RUN, "--format", "csv", "-q")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert done.returncode == 0
    assert {row["op"] for row in rows} == {"connect", "ack"}
    assert list(rows[0])[:9] == ["run", "t_s", "held", "op", "name", "count", "failed", "rate_per_s", "p50_s"]
    assert sum(int(row["count"]) for row in rows if row["op"] == "ack") > 2000


def test_the_name_of_a_file_asks_for_the_format_and_table_for_another_table(siotool, tmp_path):
    out = tmp_path / "seconds.parquet"
    done = siotool("report", RUN, "-o", out, "--table", "seconds")
    assert done.returncode == 0
    assert done.stdout == ""
    assert "PASSED" in done.stderr
    assert len(pd.read_parquet(out)) == 30


def test_gates_are_judged_whatever_is_written(siotool, tmp_path):
    out = tmp_path / "a.csv"
    done = siotool("report", RUN, "-o", out, "--fail-if", "p99:ack > 1us")
    assert done.returncode == 4
    assert out.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param(
            ["--table", "seconds"], "--table goes with --format csv or parquet, not text", id="text"
        ),
        pytest.param(["--format", "csv", "--table", "second"], "second", id="no table"),
    ],
)
def test_what_cannot_be_written_is_refused(siotool, options, said):
    done = siotool("report", RUN, *options)
    assert done.returncode == 2
    assert done.stdout == ""
    assert said in done.stderr


def test_parquet_is_not_written_to_a_terminal():
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "siotool", "report", str(RUN), "--format", "parquet"]
    done = subprocess.run(
        command, stdout=theirs, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, check=False
    )
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 2
    assert "parquet is no text for a terminal" in done.stderr
