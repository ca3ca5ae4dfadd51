"""Vega, Vega-Lite and Vega-Embed as one script, made by vl-convert once and kept for the next page.

Bundling takes over a second of CPU, a third of what a page costs. The script lies in the user's
cache folder under vl-convert's version; where that cannot be written it is made anew each time.
"""

import contextlib
import os
from importlib.metadata import version
from pathlib import Path

#: What the page's own script calls.
_ENTRY = "window.vegaEmbed = vegaEmbed;"


def bundle() -> str:
    """Return the script."""
    name = f"vega-{version('vl-convert-python')}.js"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        kept = (cache_folder() / name).read_text(encoding="utf-8")
        if kept.endswith(_END):
            return kept
    # a JavaScript engine, only when there is nothing kept
    import vl_convert  # noqa: PLC0415

    made: str = vl_convert.javascript_bundle(_ENTRY) + _END
    with contextlib.suppress(OSError):
        path = cache_folder() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_text(made, encoding="utf-8")
        draft.replace(path)
    return made


#: Stands at the end of what was written whole.
_END = "\n/* end */\n"


def cache_folder() -> Path:
    """Where siotool keeps what it can make again (XDG Base Directory Specification).

    Raises FileNotFoundError for a user without a home, as some containers have.
    """
    root = os.environ.get("XDG_CACHE_HOME", "")
    try:
        return Path(root if os.path.isabs(root) else Path.home() / ".cache") / "siotool"
    except RuntimeError as error:
        raise FileNotFoundError(str(error)) from error
