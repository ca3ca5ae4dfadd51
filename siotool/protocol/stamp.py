"""The stamp inside a published message, by which every delivery is matched to its origin.

    ~s1.<run>.<publisher>.<seq>.<sent>.<lag>~

All fields are hexadecimal. ``sent`` is the publisher's monotonic clock in microseconds
when the message was handed to the socket, ``lag`` how many microseconds after its intended
start that was. The stamp is plain ASCII that JSON leaves unescaped, so any server that
relays the text unchanged relays the stamp. The monotonic clock is one for all processes
of a machine: one-way times are exact there, and only there.
"""

import re
from typing import NamedTuple

# bounded: a foreign number of 300 digits would not fit into a float
_FIELD = rb"([0-9a-f]{1,32})"
_STAMP = re.compile(rb"~s1\." + rb"\.".join([_FIELD] * 5) + rb"~")


class Stamp(NamedTuple):
    """Who sent which message when; times in seconds of the monotonic clock."""

    run: int
    publisher: int
    seq: int
    sent: float
    intended: float


def write(run: int, publisher: int, seq: int, sent: float, intended: float) -> str:
    """Return the stamp's text; ``run``, ``publisher`` and ``seq`` are from 0 to 2**128 - 1.

    Both times are kept to the nearest microsecond. An intended start after ``sent`` is taken for ``sent``.
    """
    sent_us = round(sent * 1e6)
    lag_us = max(0, sent_us - round(intended * 1e6))
    return f"~s1.{run:x}.{publisher:x}.{seq:x}.{sent_us:x}.{lag_us:x}~"


def find(payload: bytes) -> Stamp | None:
    """Return the first stamp in a payload, or None."""
    match = _STAMP.search(payload)
    if match is None:
        return None
    run, publisher, seq, sent, lag = (int(group, 16) for group in match.groups())
    return Stamp(run, publisher, seq, sent / 1e6, (sent - lag) / 1e6)
