"""Knobs: the typed settings of a scenario, declared where they are used.

    class Echo(SocketIOUser):
        size: int = knob(64, "bytes of text in each call", minimum=1)

A knob's type is its default's. ``siotool loadtest --set size=1kB`` sets it; reading
``self.size`` gives the value.
"""

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, cast

from siotool.errors import ScenarioError, UnitError
from siotool.protocol.socket_io import RESERVED
from siotool.swarm.placeholders import is_template
from siotool.units import parse_count, parse_duration, parse_size
from siotool.workload import Setting

T = TypeVar("T", bool, int, float, str)
Unit = Literal["", "bytes", "seconds"]

#: What a user has, and no setting may be called.
USER_NAMES = ("auth", "headers", "query", "namespaces", "number", "random", "row")


@dataclass(frozen=True)
class Knob:
    """One setting: its default, what it means and what it accepts."""

    default: Setting
    help: str
    minimum: float | None
    maximum: float | None
    unit: Unit
    #: The only values it accepts; empty: any of its type.
    choices: tuple[str, ...] = ()

    @property
    def type_name(self) -> str:
        """The word for what it accepts."""
        if self.choices:
            return "|".join(self.choices)
        return {"bytes": "size", "seconds": "duration"}.get(self.unit, type(self.default).__name__)

    def __get__(self, instance: object, owner: type) -> Setting:
        return self.default


def knob(
    default: T,
    help: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    unit: Unit = "",
    choices: tuple[str, ...] = (),
) -> T:
    """Declare a knob in a user class. ``unit`` lets it be written as ``1kB`` or ``250ms``."""
    return cast(T, Knob(default, help, minimum, maximum, unit, choices))


def knobs_of(user_classes: list[type]) -> dict[str, Knob]:
    """All knobs of some user classes by name, in the order of their declaration.

    A class that gives a plain value to a name its base declares has no such knob. Raises
    ScenarioError when two classes mean different things by one name, and for one of ``USER_NAMES``.
    """
    found: dict[str, Knob] = {}
    for user_class in user_classes:
        for name, value in of_class(user_class).items():
            if name in USER_NAMES:
                raise ScenarioError(
                    f"{user_class.__name__} has a setting named {name!r}, which every user has already",
                    "give it another name",
                )
            known = found.setdefault(name, value)
            if known != value:
                raise ScenarioError(
                    f"{user_class.__name__} and another user class have different settings named {name!r}",
                    "declare it once, in a common base class, or give one of them another name",
                )
    return found


def of_class(user_class: type) -> dict[str, Knob]:
    """The knobs of one user class that ``apply`` has not set, by name."""
    visible: dict[str, object] = {}
    for base in reversed(user_class.__mro__):
        visible |= vars(base)
    return {name: value for name, value in visible.items() if isinstance(value, Knob)}


def templates(assignments: Sequence[str], *, with_rows: bool) -> dict[str, str]:
    """Of ``key=value`` assignments those whose values are to be filled in for each user."""
    texts = {name: text for name, _, text in (one.partition("=") for one in assignments)}
    return {name: text for name, text in texts.items() if is_template(text, with_rows=with_rows)}


def resolve(
    knobs: dict[str, Knob],
    assignments: Sequence[str],
    where: str,
    left: Collection[str] = (),
) -> dict[str, Setting]:
    """Settings after defaults and ``key=value`` assignments; those ``left`` are not read.

    Raises ScenarioError for an unknown key (naming the nearest), a wrong type or range.
    """
    settings = {name: knob.default for name, knob in knobs.items()}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ScenarioError(f"--set {assignment!r} has no value", "write --set key=value")
        if name not in knobs:
            near = difflib.get_close_matches(name, knobs, 1)
            known = ", ".join(knobs) or "none"
            hint = f"did you mean {near[0]}?" if near else f"its settings: {known}"
            raise ScenarioError(f"{where} has no setting {name!r}", hint)
        settings[name] = text if name in left else read(knobs[name], name, text)
    return settings


def apply(user_classes: list[type], settings: dict[str, Setting], left: Collection[str] = ()) -> None:
    """Set the knobs of the user classes, but for those ``left``: each user has its own value."""
    for user_class in user_classes:
        for name in of_class(user_class):
            if name not in left:
                setattr(user_class, name, settings[name])


def read(knob: Knob, name: str, text: str) -> Setting:
    """The value of a knob in a text. Raises ScenarioError for a wrong type or range."""
    what = f"--set {name}"
    try:
        value = _convert(knob, what, text)
    except UnitError as error:
        raise ScenarioError(error.message, error.hint) from error
    except ValueError:
        raise ScenarioError(f"{what}: {text!r} is not {_article(knob.type_name)}", knob.help) from None
    if not isinstance(value, str):
        low, high = knob.minimum, knob.maximum
        if (low is not None and value < low) or (high is not None and value > high):
            bounds = [("at least", low), ("at most", high)]
            allowed = " and ".join(f"{words} {bound:g}" for words, bound in bounds if bound is not None)
            raise ScenarioError(f"{what}: {text} is out of range", f"{allowed} ({knob.help})")
    return value


def _convert(knob: Knob, what: str, text: str) -> Setting:
    default = knob.default
    if knob.choices and text not in knob.choices:
        near = difflib.get_close_matches(text, knob.choices, 1)
        known = " or ".join(knob.choices)
        raise ScenarioError(f"{what} is {known}, not {text!r}", f"did you mean {near[0]}?" if near else "")
    if isinstance(default, str):
        if text in RESERVED and _names_an_event(what):
            raise ScenarioError(
                f"{what}: {text!r} is a reserved event name", "Socket.IO clients refuse to send it"
            )
        return text
    if isinstance(default, bool):
        return _boolean(text)
    if text.strip().isdigit():
        value = parse_count(text, what)  # a bare number is in the knob's own unit
    elif knob.unit == "bytes":
        value = parse_size(text, what)
    elif knob.unit == "seconds":
        value = parse_duration(text, what)
    else:
        value = parse_count(text, what)
    if isinstance(default, int):
        if value != int(value):
            raise ValueError(text)
        return int(value)
    return value


def _names_an_event(what: str) -> bool:
    """Knobs that hold an event's name are called ``event``, or end in ``_event``."""
    return re.search(r"\b(\w+_)?event$", what) is not None


def _boolean(text: str) -> bool:
    words = {"true": True, "yes": True, "on": True, "1": True}
    words |= {"false": False, "no": False, "off": False, "0": False}
    if text.lower() not in words:
        raise ValueError(text)
    return words[text.lower()]


def _article(noun: str) -> str:
    names = {"bool": "true or false", "int": "a whole number", "float": "a number"}
    return names.get(noun, f"a {noun}")
