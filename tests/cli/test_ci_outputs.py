"""What a pipeline reads of siotool report: JUnit, a job summary, a comment, why it failed."""

import pytest
from junitparser import JUnitXml

from siotool.document import brief
from siotool.document.document import Document, Section, Sentence
from tests.cli.test_report import run  # noqa: F401  # the fixture

FAILING = ("--fail-if", "p99:ack:echo > 1us")
WHY = "siotool: exit 4: the gate p99:ack:echo > 1us failed (2 ms, of 2,550 successes)"


def test_junit_has_a_case_for_each_gate_and_its_readers_read_it(siotool, run, tmp_path):  # noqa: F811
    done = siotool("report", run("echo"), *FAILING, "-o", tmp_path / "x.xml")
    assert done.returncode == 4
    (suite,) = JUnitXml.fromfile(str(tmp_path / "x.xml"))
    assert suite.failures == 1
    assert {case.classname for case in suite} == {"siotool.run", "siotool.gates", "siotool.trust"}
    (failed,) = [case for case in suite if case.is_failure]
    assert failed.name == "p99:ack:echo > 1us"


@pytest.mark.parametrize("quiet", [[], ["-q"]])
@pytest.mark.parametrize("form", ["text", "json", "md", "html", "junit"])
def test_the_last_line_says_why_whatever_is_written(siotool, run, form, quiet):  # noqa: F811
    done = siotool("report", run("echo"), *FAILING, "--format", form, *quiet)
    assert done.returncode == 4
    assert done.stderr.splitlines()[-1] == WHY
    if quiet:
        assert done.stderr.splitlines() == [WHY]


def test_the_summary_goes_where_the_platform_takes_it_once(siotool, run, tmp_path):  # noqa: F811
    file = tmp_path / "summary"
    file.write_text("# Another step\n")
    folder = run("echo")
    for _ in range(2):
        siotool("report", folder, GITHUB_STEP_SUMMARY=str(file))
    text = file.read_text()
    assert text.startswith("# Another step\n")
    assert text.count("PASSED") == 1
    siotool("report", folder, *FAILING, GITHUB_STEP_SUMMARY=str(file))
    assert file.read_text().count("FAILED by") == 1  # judged by something else: another summary


def test_the_summary_can_be_turned_off_or_sent_elsewhere(siotool, run, tmp_path):  # noqa: F811
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    folder = run("echo")
    siotool("report", folder, "--no-summary", GITHUB_STEP_SUMMARY=str(theirs))
    siotool("report", folder, "--summary", ours, GITHUB_STEP_SUMMARY=str(theirs))
    assert not theirs.exists()
    assert "PASSED" in ours.read_text()


def test_a_summary_that_cannot_be_written_is_refused_with_a_remedy(siotool, run, tmp_path):  # noqa: F811
    done = siotool("report", run("echo"), "--summary", tmp_path / "none" / "x")
    assert done.returncode == 2
    assert "x: nothing can be written there: No such file or directory" in done.stderr


@pytest.mark.parametrize("option", ["--summary", "--comment", "-o"])
def test_a_place_that_cannot_be_written_is_refused_before_anything_is(siotool, run, tmp_path, option):  # noqa: F811
    """The report was on stdout, and the exit code said bad usage."""
    done = siotool("report", run("echo"), option, tmp_path, "--format", "md", "--charts", tmp_path / "charts")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{option} {tmp_path}: nothing can be written there: is a folder" in done.stderr
    assert not list((tmp_path / "charts").glob("*"))


@pytest.mark.parametrize("option", ["--summary", "--comment"])
def test_stdout_has_one_document(siotool, run, tmp_path, option):  # noqa: F811
    """A comment followed the report there, and a summary went to a file that is called -."""
    done = siotool("report", run("echo"), option, "-", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{option} -: stdout has the report" in done.stderr
    assert not (tmp_path / "-").exists()


def test_no_summary_grows_over_what_the_platform_takes(siotool, run, tmp_path):  # noqa: F811
    """GitHub drops a summary over 1 MiB whole: what is left of it is what we may use."""
    file = tmp_path / "summary"
    file.write_bytes(b"x" * (brief.SUMMARY_BYTES - 3000))
    folder = run("echo")
    siotool("report", folder, GITHUB_STEP_SUMMARY=str(file))
    assert brief.SUMMARY_BYTES - 2500 < file.stat().st_size <= brief.SUMMARY_BYTES
    assert "Cut here" in file.read_text()
    file.write_bytes(b"x" * (brief.SUMMARY_BYTES - 100))
    siotool("report", folder, GITHUB_STEP_SUMMARY=str(file))
    assert file.stat().st_size == brief.SUMMARY_BYTES - 100


def test_a_comment_fits_and_can_be_found_again(siotool, run, tmp_path):  # noqa: F811
    siotool("report", run("echo"), "--comment", tmp_path / "comment.md")
    text = (tmp_path / "comment.md").read_text()
    assert text.startswith("<!-- siotool -->\n")
    assert "PASSED" in text


def test_a_document_is_cut_between_sections_and_says_what_is_missing():
    parts = [Section(str(n), f"Part {n}", [Sentence("word " * 200)]) for n in range(20)]
    document = Document(name="x", context="", headline="The answer", tone="", sections=parts)
    whole = brief.within(document, 10**6)
    assert "Cut here" not in whole
    cut = brief.within(document, 5000)
    assert len(cut.encode()) <= 5000
    assert "Part 0" in cut
    assert "Left out: Part " in cut
    assert cut.rstrip().endswith("Part 19.")
    assert brief.within(document, 10) == ""
