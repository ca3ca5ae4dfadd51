"""The script every page carries is made once and kept; whatever becomes of the copy, there is one."""

import sys

import pytest
import vl_convert

from siotool.document import vega_bundle as vega


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "siotool"


@pytest.mark.slow
def test_it_is_vl_converts_and_is_made_once(cache, monkeypatch):
    made = vega.bundle()
    assert made.startswith(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    assert vega.bundle() == made


@pytest.mark.parametrize("kept", [b"", b"half of a scr", b"\xff\xfe"], ids=["empty", "cut", "no text"])
def test_a_broken_copy_is_made_anew(cache, kept, monkeypatch):
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda entry: "made anew")
    cache.mkdir()
    path = cache / f"vega-{vega.version('vl-convert-python')}.js"
    path.write_bytes(kept)
    assert vega.bundle().startswith("made anew")
    assert path.read_text().startswith("made anew")


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda entry: "made")
    assert vega.bundle().startswith("made")


def test_a_user_without_a_home_has_a_page_too(monkeypatch):
    def nobody():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(vega.Path, "home", nobody)
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda entry: "made")
    assert vega.bundle().startswith("made")
