"""What can be done to the parts of a lab while it is loaded: words, and what they mean.

=============================  ============================================================  ==============
words                          what happens                                                  ends it
=============================  ============================================================  ==============
``kill PART …``                it is killed (SIGKILL), with all its processes                ``start``
``stop PART …``                its processes are stopped (SIGSTOP): nothing answers          ``continue``
``throttle PART … to SHARE``   its processes run in a share of the time, as under a quota    ``unthrottle``
``drain SERVER … [over TIME]`` the balancer sends it no one new, it closes its connections   ``start``
                               one by one, and ends
``start PART …``               what has ended is started again, and the balancer knows it
``restart PART …``             it is ended in order, and started again
``rolling deploy [drained]     all servers are restarted one after the other
[pause TIME]``
``reload balancer``            the balancer reads its configuration again
``failover redis``             Redis is killed, and its replica becomes primary
``latency PART … TIME``, …     its connections get worse (siotool/lab/toxic.py)              ``heal``
=============================  ============================================================  ==============

A part is named as in ``lab.json``: ``server-1`` (or ``node-1``), ``servers`` for all of them, ``redis``,
``nginx``; ``backend`` and ``balancer`` stand for what the lab has.
"""

import difflib
import re
from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

from siotool import units
from siotool.errors import InputError
from siotool.lab.lab import Lab
from siotool.lab.toxic import HEAL, TOXIC_ENDS, TOXIC_WORDS, Toxic, read_toxic, type_of_word

Verb = Literal[
    "kill",
    "stop",
    "continue",
    "throttle",
    "unthrottle",
    "drain",
    "start",
    "restart",
    "rolling",
    "reload",
    "failover",
    "latency",
    "bandwidth",
    "reset",
    "timeout",
    "slice",
    "heal",
]
_VERBS: tuple[str, ...] = get_args(Verb)
_INVERSE: dict[str, Verb] = {
    "kill": "start",
    "stop": "continue",
    "throttle": "unthrottle",
    "drain": "start",
}
#: Words for several parts, or for what a lab has of a kind.
_ALL_OF = ("servers", "nodes", "balancer", "backend")
#: Time over which a server that is drained closes its connections.
_DRAIN_S = 5.0
_LONGEST_DRAIN_S = 600.0
_KNOWN = (
    "kill, stop, throttle, drain, start, restart, rolling deploy, reload, failover, latency, bandwidth, "
    "reset, timeout, slice, heal (docs/faults.md)"
)


class LabAction(msgspec.Struct, frozen=True, kw_only=True):
    """One action on ``parts``.

    ``share`` is what a throttled part keeps of its time. ``over_s`` is how long draining takes, ``pause_s``
    how long a rolling deploy waits between two servers; ``drained`` is whether it drains them first.
    ``toxic`` is what its connections get, ``healed`` the type of toxic that is taken from them, empty: all.
    ``as_needed``: parts that run already need not be started; what undoes another action asks for no more.
    """

    verb: Verb
    parts: tuple[str, ...]
    share: float = 1.0
    over_s: float = 0.0
    pause_s: float = 0.0
    drained: bool = False
    toxic: Toxic | None = None
    healed: str = ""
    as_needed: bool = False

    @property
    def takes_s(self) -> float:
        """How long it takes at least."""
        times = len(self.parts) if self.verb == "rolling" else 1
        return times * self.over_s + (times - 1) * self.pause_s


def is_action(text: str) -> bool:
    """Whether words are meant as an action of a lab: their first one is, and no path or option follows."""
    first, _, rest = text.strip().partition(" ")
    return first in _VERBS and re.fullmatch(r"[A-Za-z][\w-]*(\s+[\w%.-]+(/s)?)*", rest.strip()) is not None


def means_action(text: str, lab: Lab) -> bool:
    """Whether words are meant as an action of this lab, also wrongly written: a verb, then one of its parts.

    ``kill server-1,server-2`` is one, and ``kill`` alone; ``kill -STOP 123`` and ``timeout 5 redis-cli ping``
    are commands.
    """
    first, *rest = text.split()
    if not rest:
        return first == "kill"
    word = next((word for word in rest if not word.startswith("-")), "")
    names = "|".join(map(re.escape, (*_ALL_OF, *parts_of(lab))))
    return first in _VERBS and re.match(rf"(server|node)-?[\d{{]|({names})(?![\w./-])", word) is not None


def is_toxic(text: str) -> bool:
    """Whether words are an action that needs Toxiproxy."""
    return is_action(text) and text.split(maxsplit=1)[0] in (*TOXIC_WORDS, HEAL)


def inverse(text: str) -> str:
    """The words that end what ``text`` does; empty where nothing does."""
    words = text.split()
    if words and words[0] in TOXIC_WORDS:
        return f"{HEAL} {' '.join(words[1 : _end_of_parts(words)])} from {words[0]}"
    verb = _INVERSE.get(words[0], "") if words else ""
    return f"{verb} {' '.join(words[1 : _end_of_parts(words)])}" if verb else ""


def read_action(text: str, lab: Lab, where: str) -> LabAction:
    """Return what words mean for a lab. Raises InputError for an unknown verb, or a part that it lacks."""
    words = text.split()
    verb = words[0] if words else ""
    if verb not in _VERBS:
        near = difflib.get_close_matches(verb, _VERBS, 1, 0.6)
        hint = f"did you mean {near[0]}?" if near else f"known: {_KNOWN}"
        raise InputError(f"{where}: {text!r} is no action of a lab", hint)
    if verb == "rolling":
        return _rolling(words, lab, where)
    end = _end_of_parts(words)
    if verb in (*TOXIC_WORDS, HEAL):
        return _toxic(verb, _parts(words[1:end], _proxied(lab), where), words[end:], f"{where}: {text}")
    parts = _parts(words[1:end], parts_of(lab), where)
    rest = words[end:]
    action = LabAction(verb=verb, parts=parts)  # type: ignore[arg-type]  # one of _VERBS
    match verb, rest:
        case "throttle", ["to", share]:
            kept = units.parse_share(share, f"{where}: {text}")
            if not 0 < kept < 1:
                raise InputError(f"{where}: {text}: a share between 0 and 100 %", "write it 20%")
            return msgspec.structs.replace(action, share=kept)
        case "throttle", _:
            raise InputError(f"{where}: {text!r} has no share", f"write {' '.join(words[:end])} to 20%")
        case "drain", [] | ["over", _]:
            _check_drain(parts, lab, where)
            over_s = units.parse_duration(rest[1], f"{where}: {text}") if rest else _DRAIN_S
            if over_s > _LONGEST_DRAIN_S:
                raise InputError(f"{where}: {text}: drains for more than 10 min", "give less")
            return msgspec.structs.replace(action, over_s=over_s)
        case "reload", [] if any(part != lab.balancer for part in parts):
            raise InputError(f"{where}: {text}: only a balancer can be reloaded", "write reload balancer")
        case "failover", []:
            if parts != ("redis",) or not lab.replica:
                raise InputError(
                    f"{where}: {text}: only a Redis with a replica fails over", "set replica = true"
                )
            return msgspec.structs.replace(action, parts=("redis", "redis-2"))
        case _, []:
            return action
    raise InputError(f"{where}: {text!r} has words too many: {' '.join(rest)}", f"write {verb} PART")


def parts_of(lab: Lab) -> dict[str, str]:
    """The parts of a lab by name, and what each is: server, primary, balancer, backend or proxy."""
    found = {f"server-{number}": "server" for number in range(1, lab.servers + 1)}
    if lab.adapter == "cluster":
        found["primary"] = "primary"
    if lab.balancer != "none":
        found[lab.balancer] = "balancer"
    found |= dict.fromkeys(lab.backends, "backend")
    return found | ({"toxiproxy": "proxy"} if lab.toxics else {})


def _proxied(lab: Lab) -> dict[str, str]:
    """The parts of a lab that Toxiproxy stands in front of."""
    return {name: role for name, role in parts_of(lab).items() if name in lab.proxied}


def _toxic(verb: str, parts: tuple[str, ...], rest: list[str], where: str) -> LabAction:
    if verb != HEAL:
        return LabAction(verb=verb, parts=parts, toxic=read_toxic(verb, rest, where))  # type: ignore[arg-type]  # one of _VERBS
    match rest:
        case []:
            return LabAction(verb="heal", parts=parts)
        case ["from", word] if word in TOXIC_WORDS:
            return LabAction(verb="heal", parts=parts, healed=type_of_word(word))
    raise InputError(f"{where} is not understood", f"write heal PART from {'|'.join(TOXIC_WORDS)}")


def _end_of_parts(words: list[str]) -> int:
    """Where the words of an action go on after its parts, none of which begins with a digit."""
    ends = ("to", "over", *TOXIC_ENDS)
    return next(
        (n for n, word in enumerate(words) if n and (word in ends or not word[0].isalpha())), len(words)
    )


def _parts(names: list[str], known: Mapping[str, str], where: str) -> tuple[str, ...]:
    if not names:
        raise InputError(f"{where} names no part of the lab", f"it has {', '.join(known)}")
    found: list[str] = []
    for name in names:
        kind = {"servers": "server", "nodes": "server"}.get(name, name)
        own = re.sub(r"^node-", "server-", name)
        meant = [own] if own in known else [part for part, role in known.items() if role == kind]
        if not meant:
            raise InputError(f"{where}: the lab has no {name}", f"it has {', '.join(known)}")
        found += meant
    return tuple(dict.fromkeys(found))


def _check_drain(parts: tuple[str, ...], lab: Lab, where: str) -> None:
    if lab.balancer == "none":
        raise InputError(
            f"{where}: drain needs a balancer, which sends clients elsewhere",
            "set balancer to nginx or haproxy",
        )
    if lab.runtime != "node" or lab.adapter == "cluster":
        raise InputError(f"{where}: drain is for servers of runtime node that are no workers of a primary")
    if set(parts) - {f"server-{number}" for number in range(1, lab.servers + 1)}:
        raise InputError(f"{where}: only servers can be drained", "write drain server-1")


def _rolling(words: list[str], lab: Lab, where: str) -> LabAction:
    parts = tuple(f"server-{number}" for number in range(1, lab.servers + 1))
    drained, pause_s, rest = False, 0.0, words[1:]
    if not rest or rest.pop(0) != "deploy":
        raise InputError(f"{where}: {' '.join(words)!r} is no action of a lab", "write rolling deploy")
    while rest:
        word = rest.pop(0)
        if word == "drained":
            drained = True
            _check_drain(parts, lab, where)
        elif word == "pause" and rest:
            pause_s = units.parse_duration(rest.pop(0), f"{where}: pause")
        else:
            raise InputError(
                f"{where}: {word} is not known of a rolling deploy", "write rolling deploy drained pause 5s"
            )
    over_s = _DRAIN_S if drained else 0.0
    return LabAction(verb="rolling", parts=parts, over_s=over_s, pause_s=pause_s, drained=drained)
