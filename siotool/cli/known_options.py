"""The options of a command as variables and files give them: their names, types and flags."""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from siotool.errors import InputError

#: ``flag`` is true or false; ``quantity`` is text with a unit, or a plain number; ``json`` may be a table.
Kind = Literal["flag", "whole", "number", "quantity", "text", "json"]

#: Kinds of text, by what the help shows for a value.
_BY_METAVAR: dict[str, Kind] = {
    "AMOUNT": "quantity",
    "COUNT": "quantity",
    "FAULT": "json",
    "JSON": "json",
    "RATE": "quantity",
    "SHARE": "quantity",
    "TIME": "quantity",
}
_BY_TYPE: dict[str, Kind] = {
    "boolean": "flag",
    "float": "number",
    "float range": "number",
    "int": "whole",
    "int range": "whole",
}


class KnownOption(NamedTuple):
    """One option, or one argument: that has no ``flag``.

    ``name`` is the key in a file (``run-time``), ``parameter`` the name in Python. ``no_flag`` says
    false; it is empty where false is said by leaving the flag out. ``separator`` parts the name
    from the value in each value of an option such as ``--set KEY=VALUE``.
    """

    name: str
    parameter: str
    flag: str
    no_flag: str
    kind: Kind
    repeatable: bool
    separator: str

    @property
    def shown(self) -> str:
        """What messages call it."""
        return self.flag or self.name


class Given(NamedTuple):
    """What a variable or a file gives for one option, as text that could have been typed.

    ``true`` or ``false`` for a flag. ``origin`` says where it stands.
    """

    values: list[str]
    origin: str


def known(parameters: Iterable[Any]) -> dict[str, KnownOption]:
    """Return the options of a command's parameters by name, ``--help`` left out."""
    options = (_option(parameter) for parameter in parameters if parameter.name != "help")
    return {option.name: option for option in options}


def _option(parameter: Any) -> KnownOption:  # typer publishes no name for the type of a parameter
    flag = next((flag for flag in parameter.opts if flag.startswith("--")), "")
    metavar = parameter.metavar or ""
    return KnownOption(
        name=flag.removeprefix("--") or parameter.name.replace("_", "-"),
        parameter=parameter.name,
        flag=flag,
        no_flag=next(iter(parameter.secondary_opts), ""),
        kind=_BY_TYPE.get(parameter.type.name) or _BY_METAVAR.get(metavar, "text"),
        repeatable=getattr(parameter, "multiple", False) or parameter.nargs == -1,
        separator="=" if "=" in metavar else ": " if ": " in metavar else "",
    )


def pair(option: KnownOption, text: str) -> str:
    """Return what a value such as ``KEY=VALUE`` is about: ``KEY``. Names of headers have no case."""
    name = text.partition(option.separator.strip())[0].strip()
    return name.lower() if option.separator == ": " else name


def as_text(option: KnownOption, value: object, where: str) -> str:
    """Return one value as it would be typed. Raises InputError, which repeats no value, for a wrong type."""
    if option.kind == "flag":
        if isinstance(value, bool):
            return str(value).lower()
        raise InputError(
            f"{where} is {type_of(value)}; expected true or false", f"write {option.name} = true"
        )
    if isinstance(value, str):
        return value
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    if plain and (
        option.kind in ("number", "quantity") or (option.kind == "whole" and isinstance(value, int))
    ):
        return repr(value)
    expected = {"whole": "a whole number", "number": "a number", "json": "text or a table"}
    raise InputError(f"{where} is {type_of(value)}; expected {expected.get(option.kind, 'text')}")


def type_of(value: object) -> str:
    """Return the words for a type of TOML and JSON."""
    words = {bool: "true or false", int: "a number", float: "a number", str: "text", dict: "a table"}
    return words.get(type(value), "an array" if isinstance(value, list) else "a date or a time")
