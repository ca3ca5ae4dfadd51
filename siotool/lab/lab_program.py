"""One program of a lab: how it is started, how it is known to be ready, and how it ends."""

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from siotool.lab.lab import Role


class LabProgram(msgspec.Struct, frozen=True, kw_only=True):
    """A program and its ``folder``, in which it runs and to which the names in its ``command`` belong.

    It is ready when ``asked`` succeeds, when it prints a line of JSON (``speaks``), else when it listens on
    its ``port``. ``end`` is the signal that ends it at once and in order. ``user`` is who it runs as, where
    that is not who runs siotool.
    """

    name: str
    role: Role
    command: Sequence[str]
    folder: Path
    port: int
    environment: Mapping[str, str] = {}
    speaks: bool = False
    asked: Sequence[str] = ()
    end: int = signal.SIGTERM
    user: str = ""
