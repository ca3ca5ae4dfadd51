"""The client knows asyncio, and nothing of who drives it."""

import subprocess
import sys
from pathlib import Path

import siotool.client

MODULES = sorted(path.stem for path in Path(siotool.client.__file__).parent.glob("*.py"))

IMPORT = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(f"siotool.client.{name}")
print(*sorted({"gevent", "locust", "siotool.swarm"} & set(sys.modules)))
"""


def test_the_client_loads_neither_gevent_nor_locust_nor_the_swarm() -> None:
    """Trap: whoever loads Locust has every socket and ssl of the process patched."""
    assert "connection" in MODULES
    loaded = subprocess.run(
        [sys.executable, "-c", IMPORT, *MODULES], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.split() == []
