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

_STAMP = re.compile(rb"~s1\.([0-9a-f]+)\.([0-9a-f]+)\.([0-9a-f]+)\.([0-9a-f]+)\.([0-9a-f]+)~")


class Stamp(NamedTuple):
    """Who sent which message when; times in seconds of the monotonic clock."""

    run: int
    publisher: int
    seq: int
    sent: float
    intended: float


def write(run: int, publisher: int, seq: int, sent: float, intended: float) -> str:
    """Return the stamp's text; ``run``, ``publisher`` and ``seq`` are not negative."""
    return f"~s1.{run:x}.{publisher:x}.{seq:x}.{int(sent * 1e6):x}.{max(0, int((sent - intended) * 1e6)):x}~"


def find(payload: bytes) -> Stamp | None:
    """Return the first stamp in a payload, or None."""
    match = _STAMP.search(payload)
    if match is None:
        return None
    run, publisher, seq, sent, lag = (int(group, 16) for group in match.groups())
    return Stamp(run, publisher, seq, sent / 1e6, (sent - lag) / 1e6)
