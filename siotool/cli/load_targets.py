"""The targets of a load test: one URL, several with weights, the embedded one, or a lab."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from siotool.cli import load_options
from siotool.cli.secret_options import shown_url
from siotool.errors import InputError

#: The embedded target.
DEMO = "demo"
#: What stands before the file of a lab.
LAB = "lab:"
#: The largest weight.
_MOST = 1000


class Aimed(NamedTuple):
    """What was asked for: ``urls`` and their ``weights``; ``query`` as --query has it, from a URL."""

    urls: list[str]
    weights: list[int]
    query: list[str]

    @property
    def demo(self) -> bool:
        """Whether it is the embedded target, which has no URL yet."""
        return self.urls == [DEMO]

    @property
    def lab_file(self) -> str:
        """The file of the lab that is to be started and loaded; empty where it is none."""
        return self.urls[0].removeprefix(LAB) if self.urls[0].startswith(LAB) else ""

    @property
    def own(self) -> bool:
        """Whether siotool starts it itself; it has no URL yet."""
        return self.demo or bool(self.lab_file)


def read(texts: Sequence[str]) -> Aimed:
    """Read targets as they were typed. Raises InputError."""
    if not texts:
        raise InputError("no target", "give the URL of a Socket.IO server, or demo for the embedded one")
    if DEMO in texts:
        if len(texts) > 1:
            raise InputError("demo beside another target", "the embedded target is loaded alone")
        return Aimed([DEMO], [1], [])
    if any(text.startswith(LAB) for text in texts):
        if len(texts) > 1:
            raise InputError("a lab beside another target", "a lab is loaded alone")
        if texts[0] == LAB:
            raise InputError("lab: names no file", "write it lab:FILE.toml")
        return Aimed([texts[0]], [1], [])
    urls: list[str] = []
    weights = []
    query: list[str] = []
    for text in texts:
        bare, weight = _weighted(text)
        url, in_url = load_options.url(bare)
        if url in urls:
            raise InputError(f"{url} is named twice", f"give it a weight: {url}@2")
        if in_url and len(texts) > 1:
            raise InputError(
                f"{url} has a query, and is not the only target", "give it with --query KEY=VALUE"
            )
        urls.append(url)
        weights.append(weight)
        query += in_url
    return Aimed(urls, weights, query)


def _weighted(text: str) -> tuple[str, int]:
    """``http://host:3000@3``: the URL, and its weight; 1 where it has none."""
    found = re.fullmatch(r"(.+://.+)@([-+\d.,]+)", text)
    if found is None or found[2].count(".") == 3:  # the address of a host after its user: refused as such
        return text, 1
    url, weight = found.groups()
    if not weight.isdecimal() or not 1 <= int(weight) <= _MOST:
        raise InputError(
            f"the weight of {shown_url(url)} is {weight}; expected a whole number from 1 to {_MOST:,}"
        )
    return url, int(weight)
