"""The script every page carries is what vl-convert bundles; making it anew took a third of a page's CPU."""

import subprocess
import sys

import vl_convert

_HEAD = (
    "/* Vega, Vega-Lite and Vega-Embed, https://vega.github.io, BSD-3-Clause; bundled by vl-convert. "
    "pytest --update-golden makes this file. */\n"
)


def test_the_bundle_is_vl_converts(golden):
    golden(
        "../../siotool/page/vega.js", _HEAD + vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    )


def test_no_page_makes_the_bundle_anew():
    asked = "import sys, siotool.page.shell; print('vl_convert' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
