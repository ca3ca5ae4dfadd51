"""Labs that tests start: their files, and what they need."""

import json
from pathlib import Path
from typing import Any

from siotool.lab.packages import look_for_packages
from siotool.lab.python_packages import look_for_redis
from siotool.lab.tools import path_of

EXAMPLES = Path(__file__).parents[2] / "scenarios"
PROGRAMS = ("node", "nginx", "haproxy", "redis-server", "postgres", "openssl")


def missing() -> list[str]:
    """Return what labs need and this machine lacks; MongoDB is in no package index."""
    programs = [name for name in PROGRAMS if not path_of(name)]
    return programs + [one.name for one in (look_for_redis(), *look_for_packages()) if one.problem]


def described(folder: Path, example: str = "", **keys: Any) -> str:
    """Write a lab of two servers, and return its file; or return an example's."""
    if example:
        return str(EXAMPLES / example)
    path = folder / f"{'-'.join(str(value) for value in keys.values()) or 'lab'}.toml"
    lines = [f"{key} = {json.dumps(value)}" for key, value in {"servers": 2, **keys}.items()]
    path.write_text("\n".join(["[lab]", *lines, ""]))
    return str(path)
