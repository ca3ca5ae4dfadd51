"""Which value of an option goes before which: typed, then variables, then the file."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from siotool.cli.known_options import Given, KnownOption, pair
from siotool.errors import InputError

#: Options that decide the same thing. One that is given sets those of the other side aside that a
#: lower level gives; on one level the command refuses both.
INSTEAD_OF = (
    (frozenset(("stage",)), frozenset(("users", "spawn-rate", "run-time"))),
    (frozenset(("arrival-rate", "arrival-process")), frozenset(("stage", "spawn-rate"))),
    (
        frozenset(("find-capacity",)),
        frozenset(("stage", "arrival-rate", "arrival-process", "spawn-rate", "run-time")),
    ),
    (frozenset(("transport",)), frozenset(("transport-mix",))),
)
#: Options that set others of a lower level aside, and not the other way round: a search breaks nothing on
#: purpose, and decides itself when it ends.
SETS_ASIDE = ((frozenset(("find-capacity", "calibrate")), frozenset(("fault", "stop-if", "stop-after"))),)

#: Options that say something about another one, and nothing without it.
ABOUT = {"stop-after": "stop-if", "web-port": "web"}


class Composed(NamedTuple):
    """Arguments of a command after variables and file; ``origins``: option → where it was given."""

    arguments: list[str]
    origins: dict[str, str]


def compose(
    arguments: Sequence[str],
    typed: Mapping[str, object],
    levels: Sequence[Mapping[str, Given]],
    options: Mapping[str, KnownOption],
) -> Composed:
    """Put what the levels give in front of the arguments that were typed, the lowest level first.

    ``typed`` has what was typed, by option; ``levels`` begin with the one that goes first. An option is
    taken from the first that has it; of one with names and values, such as ``--set KEY=VALUE``, each name.
    """
    _refuse_alone(typed, levels, options)
    taken = {name: _names(options[name], value) for name, value in typed.items()}
    # a flag that says false decides nothing
    deciding = {name for name, value in typed.items() if value is not False}
    in_front: list[str] = []
    behind: list[str] = []
    origins: dict[str, str] = {}
    for level in levels:
        aside = _set_aside(deciding)
        chosen = {name: given for name, given in level.items() if name not in aside}
        words: list[str] = []
        for name, given in chosen.items():
            option = options[name]
            values = [text for text in given.values if not _has(taken, option, text)]
            if not values:
                continue
            origins.setdefault(option.shown, given.origin)
            if option.flag:
                words += _flags(option, values)
            elif not any(not options[one].flag for one in typed):
                behind += _positional(option, values, given.origin)
        for name, given in chosen.items():
            taken.setdefault(name, set()).update(_names(options[name], given.values))
            if options[name].kind != "flag" or given.values[-1:] != ["false"]:
                deciding.add(name)
        in_front = words + in_front
    return Composed([*in_front, *arguments, *behind], origins)


def _refuse_alone(
    typed: Mapping[str, object], levels: Sequence[Mapping[str, Given]], options: Mapping[str, KnownOption]
) -> None:
    """Raise InputError for an option that was typed and says nothing, as the one it is about is nowhere."""
    given = {*typed, *(name for level in levels for name in level)}
    for name in typed:
        about = ABOUT.get(name)
        if about is not None and about in options and about not in given:
            alone, other = options[name].shown, options[about].shown
            raise InputError(
                f"{alone} is about {other}, which is not given", f"add {other}, or leave {alone} out"
            )


def _names(option: KnownOption, values: object) -> set[str]:
    """Return which values of an option with names were given; empty for any other option."""
    if not option.separator or not isinstance(values, list | tuple):
        return set()
    return {pair(option, str(text)) for text in values}


def _has(taken: Mapping[str, set[str]], option: KnownOption, text: str) -> bool:
    if option.separator and option.repeatable:
        return pair(option, text) in taken.get(option.name, ())
    return option.name in taken


def _set_aside(deciding: Collection[str]) -> set[str]:
    aside: set[str] = set()
    for one, other in INSTEAD_OF:
        aside |= other if one & set(deciding) else set()
        aside |= one if other & set(deciding) else set()
    for one, other in SETS_ASIDE:
        aside |= other if one & set(deciding) else set()
    return aside


def _flags(option: KnownOption, values: Sequence[str]) -> list[str]:
    if option.kind == "flag":
        flag = option.flag if values == ["true"] else option.no_flag
        return [flag] if flag else []
    return [word for text in values for word in (option.flag, text)]


def _positional(option: KnownOption, values: Sequence[str], origin: str) -> list[str]:
    for text in values:
        if text.startswith("-") and text != "-":
            raise InputError(
                f"{origin}: {option.name} begins with -", "write ./-name for a file of such a name"
            )
    return list(values)
