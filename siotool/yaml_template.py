"""Files filled in from templates that lie beside the code of a package; the words of YAML for those."""

import json
import re
from collections.abc import Callable
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined


def filled(package: str, name: str, filters: dict[str, Callable[..., str]], **values: object) -> str:
    """Fill in the template ``NAME.jinja`` of a package; ``yaml`` is a filter too, for any text."""
    environment = Environment(
        loader=FunctionLoader(lambda path: (files(package) / path).read_text("utf-8")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(yaml=yaml_scalar, **filters)
    return environment.get_template(f"{name}.jinja").render(**values)


#: Text that no version of YAML takes for anything else: "no", "on", "1e3" and "12:30" are quoted.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9]*([./_-][A-Za-z0-9]+)*")
#: JSON writes a character beyond the basic plane as two, YAML as one.
_PAIR = re.compile(r"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})")
_RESERVED = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def yaml_scalar(text: str) -> str:
    """The text as every version of YAML reads it."""
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    return yaml_string(text)


def yaml_string(text: str) -> str:
    """The same, in quotes."""
    return _PAIR.sub(_one_character, json.dumps(text))


def _one_character(pair: re.Match[str]) -> str:
    high, low = (int(half, 16) for half in pair.groups())
    return f"\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"
