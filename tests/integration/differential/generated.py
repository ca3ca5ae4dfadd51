"""What is sent, made from a seed: event names, payloads of every shape, sizes, orders."""

import itertools
from collections.abc import Callable
from random import Random
from typing import Any

#: Odd, and legal.
NAMES = [
    "",
    "a|b",
    "größe 🚀",
    "<script>alert(1)</script>",
    "*",
    "__proto__",
    "constructor",
    "hasOwnProperty",
]
NAMES += ["toString", "Connect", "message", "error", "ping", "0", "2", '["', "a,b", "/x", "\x00", "\u2028"]
NAMES += ["\ud800", "e" * 5_000, "connect ", "__disconnect_final", "anyone", "42[", "null"]
#: What clients and servers keep for themselves.
RESERVED_NAMES = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]

#: Numbers that JavaScript can hold.
NUMBERS: list[int | float] = [
    0,
    -0.0,
    1,
    -1,
    0.1,
    1e21,
    1e-7,
    5e-324,
    1.7976931348623157e308,
    2**53,
    -(2**53),
]
NUMBERS += [123456789.123456789, 1e300, 2**31, -(2**31), 4294967295.5, 1e16, 12345678901234567890 * 1.0]
TEXTS = [
    "",
    "é",
    "世界",
    "😀\u0000\u2028\u2029",
    "\ud800",
    "\udc00\ud800 halves",
    '"\\/\b\f\n\r\t',
    "\x7f\x1b[31m",
]
TEXTS += ["\ufeff", "a" * 200, "\x1e", "b64", "_placeholder"]
KEYS = ["a", "", "é", "__proto__x", "length", "\ud83d", "0", "type", "num"]
#: Lengths around the limits of WebSocket frames, and larger than a buffer.
SIZES = [0, 1, 100, 124, 125, 126, 127, 1_000, 1_024, 4_096, 65_500, 65_535, 65_536, 65_537, 100_000]
#: Attachments of one packet that servers take: ``maxAttachments`` of socket.io-parser.
ATTACHMENTS = 10


def tree(random: Random, depth: int = 3) -> Any:
    """A value of any shape that JSON or an attachment can carry."""
    makers: list[Callable[[], Any]] = [
        lambda: None,
        lambda: random.random() < 0.5,
        lambda: random.choice(NUMBERS),
        lambda: random.choice(TEXTS),
        lambda: random.randbytes(random.choice((0, 1, 5, 300))),
        lambda: [tree(random, depth - 1) for _ in range(random.randrange(5))],
        lambda: {key: tree(random, depth - 1) for key in random.sample(KEYS, random.randrange(5))},
    ]
    return random.choice(makers if depth else makers[:5])()


def shapes(seed: int, count: int) -> list[list[Any]]:
    """Lists of arguments: the corners first, then what chance adds."""
    random = Random(seed)
    corners: list[list[Any]] = [
        [],
        [None],
        [None, None],
        [[]],
        [{}],
        [[[[]]], {"a": {"b": {}}}],
        NUMBERS,
        TEXTS,
        [b""],
        [b"\x00\xff" * 50, {"deep": [{"er": b"x"}]}],
        [bytes((number,)) for number in range(ATTACHMENTS)],
        [[b"a", [b"b", [b"c"]]], "text", b"d"],
        [True, False, 1, 0, "1", "true"],
        [list(range(500))],
        [{str(number): number for number in range(300)}],
        [_nested(200)],
    ]
    drawn = ([tree(random) for _ in range(random.randrange(5))] for _ in itertools.count())
    return corners + list(itertools.islice((one for one in drawn if _attachments(one) <= ATTACHMENTS), count))


def _attachments(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return sum(map(_attachments, value)) if isinstance(value, list) else isinstance(value, bytes)


def _nested(levels: int) -> Any:
    value: Any = "core"
    for level in range(levels):
        value = [value] if level % 2 else {"in": value}
    return value
