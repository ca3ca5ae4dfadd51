"""The stamp inside a published message, by which every delivery is matched to its origin.

    ~s1.<check>.<publisher>.<seq>.<sent>.<lag>~
    ~s1.<check>.<publisher>.<seq>.<sent>.<lag>.<audience>~

All fields are hexadecimal. The second form is of a message for some users only: ``audience`` is a
number made of the audience's name. ``sent`` is the publisher's monotonic clock in microseconds
when the message was handed to the socket, ``lag`` how many microseconds after its intended
start that was. ``check`` is a keyed hash of the fields behind it; the key is the run's
secret. It distinguishes this run's stamps from those of other runs, and from forged or changed
ones. The stamp is plain ASCII that JSON leaves unescaped, so any server that
relays the text unchanged relays the stamp. The monotonic clock is one for all processes
of a machine: one-way times are exact there, and only there.
"""

import re
from hashlib import blake2s
from typing import NamedTuple

# bounded: what is longer was not written here, and need not be hashed
_FIELD = rb"[0-9a-f]{1,16}"
_FIELDS = rb"\.".join([rb"(%b)" % _FIELD] * 4) + rb"(?:\.(%b))?" % _FIELD
_STAMP = re.compile(rb"~s1\.([0-9a-f]{8})\.(" + _FIELDS + rb")~")
_CHECK_BYTES = 4
_SECRET_BYTES = 8
_AUDIENCE_BYTES = 8


class Stamp(NamedTuple):
    """Who sent which message when, and to whom (``audience`` 0: to all).

    Times are in seconds of the monotonic clock.
    """

    publisher: int
    seq: int
    sent: float
    intended: float
    audience: int = 0


def audience_number(name: str) -> int:
    """Return the number of an audience in stamps: never 0, and the same in every process.

    Of a million names, two have the same number with a probability of 3e-8.
    """
    return int.from_bytes(blake2s(name.encode(), digest_size=_AUDIENCE_BYTES).digest(), "big") or 1


def write(run: int, publisher: int, seq: int, sent: float, intended: float, audience: int = 0) -> str:
    """Return the stamp's text; ``run`` is the run's secret, all numbers are from 0 to 2**64 - 1.

    Both times are kept to the nearest microsecond. An intended start after ``sent`` is taken for ``sent``.
    """
    sent_us = round(sent * 1e6)
    lag_us = max(0, sent_us - round(intended * 1e6))
    fields = f"{publisher:x}.{seq:x}.{sent_us:x}.{lag_us:x}"
    if audience:
        fields += f".{audience:x}"
    return f"~s1.{_check(run, fields.encode())}.{fields}~"


def find(payload: bytes, run: int) -> Stamp | None:
    """Return the first stamp in a payload; None without one, or when it is not of this run."""
    match = _STAMP.search(payload)
    if match is None or match[1] != _check(run, match[2]).encode():
        return None
    publisher, seq, sent, lag = (int(group, 16) for group in match.groups()[2:6])
    return Stamp(publisher, seq, sent / 1e6, (sent - lag) / 1e6, int(match[7] or b"0", 16))


def _check(run: int, fields: bytes) -> str:
    return blake2s(fields, digest_size=_CHECK_BYTES, key=run.to_bytes(_SECRET_BYTES, "big")).hexdigest()
