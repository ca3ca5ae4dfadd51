"""Commands that make much and throw nothing away look for no garbage."""

import atexit
import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Look for no garbage meanwhile: modules, and the million lists of a long run, are none.

    Nor when the process ends: Python would look through all of it then, and again.
    """
    before = gc.isenabled()
    gc.disable()
    atexit.register(gc.freeze)
    try:
        yield
    finally:
        if before:
            gc.enable()
