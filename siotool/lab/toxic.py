"""What makes a connection bad, in the words of Toxiproxy, and as it is asked for.

=============================================  ==========================================================
words                                          what happens to each connection of the part
=============================================  ==========================================================
``latency PART … TIME [jitter TIME]``          what it answers comes so much later
``bandwidth PART … RATE``                      each direction takes no more
``reset PART …``                               it is reset (RST) with the next bytes of either side
``timeout PART …``                             nothing gets through any more, and it stays open
``slice PART … [to SIZE] [delay TIME]``        bytes come in pieces of about that size, one after another
``heal PART … [from latency|bandwidth|…]``     as before
=============================================  ==========================================================

Source: github.com/Shopify/toxiproxy, README, "Toxics". Toxiproxy counts whole milliseconds, kilobytes per
second of 1000 bytes, and microseconds between pieces.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, get_args

import msgspec

from siotool import units
from siotool.errors import InputError

ToxicWord = Literal["latency", "bandwidth", "reset", "timeout", "slice"]
TOXIC_WORDS: tuple[str, ...] = get_args(ToxicWord)
HEAL = "heal"
#: Words after the parts of a lab.
TOXIC_ENDS = ("delay", "from", "jitter")

#: The most that is waited, and the size of a piece unless it is given.
_LONGEST_S = 600.0
_PIECE_BYTES = 64
#: The types of Toxiproxy that have other names.
_TYPES = {"reset": "reset_peer", "slice": "slicer"}


class Toxic(msgspec.Struct, frozen=True):
    """A toxic of a type of Toxiproxy's; ``streams`` are the directions that have it, as seen from the part.

    ``attributes`` are in Toxiproxy's units.
    """

    type: str
    streams: tuple[Literal["upstream", "downstream"], ...]
    attributes: Mapping[str, int]


def type_of_word(word: str) -> str:
    """Return Toxiproxy's type of a toxic; empty for no word."""
    return _TYPES.get(word, word)


def read_toxic(word: str, rest: Sequence[str], where: str) -> Toxic:
    """Return what a word and the ``rest`` after its parts mean; raises InputError for ``where`` it stands."""
    both: tuple[Literal["upstream", "downstream"], ...] = ("upstream", "downstream")
    match word, [*rest]:
        case "latency", [time, "jitter", jitter]:
            found = {
                "latency": _whole(units.parse_duration, time, 1e3, "ms", where),
                "jitter": _whole(units.parse_duration, jitter, 1e3, "ms", where),
            }
            if found["jitter"] > found["latency"]:
                raise InputError(
                    f"{where}: a jitter of {jitter} about {time}", "give less jitter than latency"
                )
            return _checked(Toxic("latency", both[1:], found), where)
        case "latency", [time]:
            found = {"latency": _whole(units.parse_duration, time, 1e3, "ms", where)}
            return _checked(Toxic("latency", both[1:], found), where)
        case "bandwidth", [rate]:
            return Toxic(
                "bandwidth", both, {"rate": _whole(units.parse_byte_rate, rate, 1e-3, "kB/s", where)}
            )
        case "reset", []:
            return Toxic("reset_peer", both, {"timeout": 0})
        case "timeout", []:
            return Toxic("timeout", both, {"timeout": 0})
        case "slice", [*told]:
            return _slicer(told, both, where)
    raise InputError(f"{where} is not understood", f"write {_EXAMPLES[word]}")


_EXAMPLES: Mapping[str, str] = MappingProxyType(
    {
        "latency": "latency redis 200ms, or latency redis 200ms jitter 50ms",
        "bandwidth": "bandwidth nginx 100KB/s",
        "reset": "reset server-1",
        "timeout": "timeout redis",
        "slice": "slice nginx, or slice nginx to 64B delay 5ms",
    }
)


def _slicer(told: Sequence[str], both: tuple[Literal["upstream", "downstream"], ...], where: str) -> Toxic:
    given = dict(zip(told[::2], told[1::2], strict=False))
    if len(told) % 2 or len(given) < len(told) // 2 or given.keys() - {"to", "delay"}:
        raise InputError(f"{where} is not understood", f"write {_EXAMPLES['slice']}")
    size = _whole(units.parse_size, given["to"], 1.0, "B", where) if "to" in given else _PIECE_BYTES
    delay = _whole(units.parse_duration, given["delay"], 1e6, "µs", where) if "delay" in given else 0
    # sizes vary, as those of packets do; Toxiproxy asks for less than the average
    attributes = {"average_size": size, "size_variation": size // 2, "delay": delay}
    return _checked(Toxic("slicer", both, attributes), where)


def _whole(read: Callable[[str, str], float], text: str, scale: float, unit: str, where: str) -> int:
    """A quantity in Toxiproxy's unit, which it has no fractions of."""
    value = read(text, where) * scale
    if value < 1 or abs(value - round(value)) > 1e-6 * value:
        raise InputError(f"{where}: {text}; Toxiproxy counts whole {unit}", f"give 1 {unit} or more of them")
    return round(value)


def _checked(toxic: Toxic, where: str) -> Toxic:
    waited = {name: scale for name, scale in (("latency", 1e3), ("delay", 1e6)) if name in toxic.attributes}
    for name, scale in waited.items():
        if toxic.attributes[name] > _LONGEST_S * scale:
            raise InputError(f"{where}: {name} of more than 10 min", "give less")
    return toxic
