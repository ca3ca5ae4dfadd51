"""What the options give each user of its own: an identity and settings whose placeholders are filled in."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from siotool.client.identity import Identity
from siotool.client.identity_options import is_header
from siotool.errors import InputError, ScenarioError
from siotool.swarm import knobs
from siotool.swarm.knobs import Knob
from siotool.swarm.placeholders import NUMBER, fill, fill_text, is_template, names_in
from siotool.workload import Setting

Row = Mapping[str, Any]


class OwnValues(msgspec.Struct, frozen=True):
    """Templates of an identity and of settings; ``with_rows``: columns of a users file may be named."""

    identity: Identity
    settings: Mapping[str, str] = {}
    with_rows: bool = False

    def names(self) -> Iterator[tuple[str, str]]:
        """Each placeholder's option and name. Raises InputError for a brace that stands alone."""
        named: list[tuple[str, object]] = [("--auth", self.identity.auth)]
        named += [(f"--header {name}", value) for name, value in self.identity.headers]
        named += [(f"--query {name}", value) for name, value in self.identity.query]
        named += [(f"--set {name}", text) for name, text in self.settings.items()]
        for option, value in named:
            for name in names_in(value, option, with_rows=self.with_rows):
                yield option, name

    def identity_of(self, row: Row, number: int) -> Identity:
        """A user's identity."""
        base = self.identity
        values = {NUMBER: str(number), **row}
        rows = self.with_rows
        pairs = (*base.headers, *base.query)
        if not (rows or base.auth is not None or any(is_template(text, with_rows=rows) for _, text in pairs)):
            return base
        return msgspec.structs.replace(
            base,
            auth=fill(base.auth, values, with_rows=rows),
            headers=tuple((name, fill_text(text, values, with_rows=rows)) for name, text in base.headers),
            query=tuple((name, fill_text(text, values, with_rows=rows)) for name, text in base.query),
        )

    def settings_of(self, known: Mapping[str, Knob], row: Row, number: int) -> dict[str, Setting]:
        """A user's settings, of the ``known`` ones of its class. Raises ScenarioError."""
        values = {NUMBER: str(number), **row}
        return {
            name: knobs.read(known[name], name, fill_text(text, values, with_rows=self.with_rows))
            for name, text in self.settings.items()
            if name in known
        }

    def check_numbers(self, known: Mapping[str, Knob], columns: frozenset[str] = frozenset()) -> None:
        """Raise InputError for a {number} where it may not be in the setting's range."""
        for name, text in self.settings.items():
            knob = known[name]
            found = set(names_in(text, f"--set {name}", with_rows=self.with_rows))
            if NUMBER in found - columns and (not isinstance(knob.default, str) or knob.choices):
                raise InputError(
                    f"--set {name}={text}: the users' numbers may not fit {knob.type_name}",
                    "give the values in a column of a users file",
                )

    def check(self, known: Mapping[str, Knob], row: Row, place: str) -> None:
        """Raise InputError for a row, read at a ``place``, with a value that cannot be used, unquoted."""
        try:
            identity = self.identity_of(row, 1)
            for name in self.settings:
                self._check_setting(name, known[name], row, place)
        except KeyError as error:
            raise InputError(
                f"{place} has no {error.args[0]!r}", "each row needs every value named"
            ) from None
        for name, value in identity.headers:
            if not is_header(name, value):
                raise InputError(
                    f"{place}: the value for --header {name} cannot be sent", "one line of printable ASCII"
                )

    def _check_setting(self, name: str, knob: Knob, row: Row, place: str) -> None:
        try:
            value = self.settings_of({name: knob}, row, 1)[name]
        except ScenarioError:
            what = f"{place}: --set {name} does not accept the value ({knob.type_name})"
            raise InputError(what, knob.help) from None
        if name == "rate" and not 0 < float(value) < float("inf"):
            raise InputError(f"{place}: the value for --set rate is not more than 0")
