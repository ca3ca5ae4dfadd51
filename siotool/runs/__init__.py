"""What runs show, read once for reports and plans; and, by ``load``, for notebooks."""

import os
from typing import Any


def load(*runs: str | os.PathLike[str]) -> Any:
    """Return some runs as pandas frames, each made when it is first asked for.

    ``runs`` are run folders or their run.jsonl. The frames are attributes of what is returned
    (``siotool.runs.frames.RunFrames``): ``runs``, ``seconds``, ``operations``, ``connections``,
    ``failures``, ``servers``, ``workers``, ``user_classes``, ``audiences``, ``losses``, ``notes``. Units are
    in their column names. Raises RunFileError for what is no run, and InputError where none is named.
    """
    # pandas takes half a second to import, and every command imports this package
    from siotool.runs.frames import load_frames  # noqa: PLC0415

    return load_frames(runs)
