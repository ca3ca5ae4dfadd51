"""The settings of an engine."""

from typing import Any

import msgspec

from siotool.client.address import Address
from siotool.workload import Target


class EngineSettings(msgspec.Struct, frozen=True):
    """How an engine connects.

    ``run`` is the secret that marks this run's messages, 64 random bits; ``worker`` is the
    process's number; durations in seconds. ``drain_timeout_s`` bounds the wait for what is
    still under way when a user leaves: calls, deliveries, and its connect.
    """

    target: Target
    address: Address
    run: int
    worker: int = 0
    auth: Any = None
    headers: list[tuple[str, str]] = []
    connect_timeout_s: float = 10.0
    ack_timeout_s: float = 10.0
    drain_timeout_s: float = 5.0
