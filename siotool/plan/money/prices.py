"""The price file: what shapes of servers there are, and what each costs.

Shapes and prices are separate tables, so that a price list can be replaced without touching what
the machines are (the split is Netflix's, service-capacity-modeling, hardware/profiles)::

    currency = "USD"
    egress_per_gb = 0.05            # traffic to clients, per 10^9 bytes

    [shapes.large]
    cores = 4
    memory = "8GiB"
    bandwidth = "10Gbit/s"
    connections = "60k"             # a limit of its own, where there is one

    [prices.large]
    per_hour = 0.17                 # or per_month

    [load_balancer]
    per_hour = 0.0225               # each balancer; or per_month
    unit = "alb"                    # what a capacity unit holds: alb, nlb or nlb-tls
    per_unit_hour = 0.008

    [adapter_node]
    per_hour = 0.20                 # or per_month

One file has one currency. A month has 730.5 hours, a twelfth of 365.25 days.
"""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar, get_args

import msgspec

from siotool.errors import InputError
from siotool.units import parse_byte_rate, parse_count, parse_size

#: A twelfth of a year of 365.25 days.
HOURS_PER_MONTH = 730.5

#: What a balancer's capacity unit holds; see ``siotool.plan.money.cost``.
UnitName = Literal["alb", "nlb", "nlb-tls"]

#: No figure is larger: what is counted from it has to stay finite.
_MOST = 1e15
_BOUND = f"expected at most {_MOST:,.0f}"

T = TypeVar("T", bound=msgspec.Struct)


class Shape(msgspec.Struct, frozen=True):
    """What one server has: cores, bytes, bytes per second; ``connections`` where it has a limit."""

    name: str
    cores: float
    memory_bytes: float
    bandwidth_bytes_per_s: float
    connections: float | None = None


class LoadBalancer(msgspec.Struct, frozen=True):
    """What one balancer costs a month, and each capacity unit per hour."""

    per_month: float
    unit: UnitName | None = None
    per_unit_hour: float = 0.0


class PriceFile(msgspec.Struct, frozen=True):
    """Shapes, and prices in one currency; ``source`` names the file in errors.

    ``prices`` are per server and month, by shape; ``egress_per_byte`` per byte sent to
    clients; ``adapter_node_per_month`` per node of the adapter's backend. None where the
    file has no such price.
    """

    source: str
    currency: str
    shapes: Mapping[str, Shape]
    prices: Mapping[str, float]
    egress_per_byte: float | None = None
    load_balancer: LoadBalancer | None = None
    adapter_node_per_month: float | None = None

    def shape(self, name: str) -> Shape:
        """Return a shape by name. Raises InputError when the file has none of that name."""
        if name not in self.shapes:
            raise InputError(f"{self.source}: there is no shape {name!r}", _nearest(name, self.shapes))
        return self.shapes[name]

    def price(self, name: str) -> float:
        """Return what a server of a shape costs a month. Raises InputError when no price is given."""
        self.shape(name)
        if name not in self.prices:
            raise InputError(
                f"{self.source}: shapes.{name} has no price",
                f"add [prices.{_quoted(name)}] with per_hour or per_month",
            )
        return self.prices[name]


class _ShapeTable(msgspec.Struct, forbid_unknown_fields=True):
    cores: float
    memory: str
    bandwidth: str
    connections: str | float | None = None


class _PriceTable(msgspec.Struct, forbid_unknown_fields=True):
    per_hour: float | None = None
    per_month: float | None = None


class _BalancerTable(msgspec.Struct, forbid_unknown_fields=True):
    per_hour: float | None = None
    per_month: float | None = None
    unit: UnitName | None = None
    per_unit_hour: float | None = None


class _FileTable(msgspec.Struct, forbid_unknown_fields=True):
    currency: str
    shapes: dict[str, dict[str, Any]]
    prices: dict[str, dict[str, Any]]
    egress_per_gb: float | None = None
    load_balancer: dict[str, Any] | None = None
    adapter_node: dict[str, Any] | None = None


def read_prices(text: str, source: str) -> PriceFile:
    """Read a price file from its ``text``; ``source`` is its name, for errors.

    Raises InputError, with file and key, for what is not TOML, an unknown key, a missing or
    negative figure, a quantity without its unit, and a price of a shape that is not there.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            f"{source}: not a TOML file: {error}", "a price is written like per_hour = 0.17"
        ) from error
    file = _decode(raw, _FileTable, source, "")
    if not file.currency.strip():
        raise InputError(f"{source}: currency is empty", 'write it like currency = "USD"')
    shapes = {name: _shape(name, table, source) for name, table in file.shapes.items()}
    if not shapes:
        raise InputError(f"{source}: shapes is empty", "describe a server in [shapes.NAME]")
    prices = {}
    for name, table in file.prices.items():
        key = f"prices.{name}"
        if name not in shapes:
            raise InputError(f"{source}: {key} is the price of an unknown shape", _nearest(name, shapes))
        prices[name] = _per_month(_decode(table, _PriceTable, source, key), source, key)
    adapter = None
    if file.adapter_node is not None:
        node = _decode(file.adapter_node, _PriceTable, source, "adapter_node")
        adapter = _per_month(node, source, "adapter_node")
    egress = file.egress_per_gb
    return PriceFile(
        source=source,
        currency=file.currency.strip(),
        shapes=shapes,
        prices=prices,
        egress_per_byte=None if egress is None else _amount(egress, source, "egress_per_gb") / 1e9,
        load_balancer=_balancer(file.load_balancer, source),
        adapter_node_per_month=adapter,
    )


def _shape(name: str, table: Mapping[str, Any], source: str) -> Shape:
    key = f"shapes.{name}"
    raw = _decode(table, _ShapeTable, source, key)
    limit = raw.connections
    if isinstance(limit, str):
        limit = parse_count(limit, f"{source}: {key}.connections")
    return Shape(
        name=name,
        cores=_some(raw.cores, source, f"{key}.cores"),
        memory_bytes=_some(parse_size(raw.memory, f"{source}: {key}.memory"), source, f"{key}.memory"),
        bandwidth_bytes_per_s=_some(
            parse_byte_rate(raw.bandwidth, f"{source}: {key}.bandwidth"), source, f"{key}.bandwidth"
        ),
        connections=None if limit is None else _some(limit, source, f"{key}.connections"),
    )


def _balancer(table: Mapping[str, Any] | None, source: str) -> LoadBalancer | None:
    key = "load_balancer"
    if table is None:
        return None
    raw = _decode(table, _BalancerTable, source, key)
    if (raw.unit is None) != (raw.per_unit_hour is None):
        missing = "unit" if raw.unit is None else "per_unit_hour"
        raise InputError(
            f"{source}: {key}.{missing} is missing",
            f"a capacity unit has a price, per_unit_hour, and a size, unit = {_names(get_args(UnitName))}",
        )
    return LoadBalancer(
        per_month=_per_month(raw, source, key),
        unit=raw.unit,
        per_unit_hour=_amount(raw.per_unit_hour or 0.0, source, f"{key}.per_unit_hour"),
    )


def _per_month(raw: _PriceTable | _BalancerTable, source: str, key: str) -> float:
    match raw.per_hour, raw.per_month:
        case None, None:
            raise InputError(f"{source}: {key} has no price", "give per_hour or per_month")
        case None, float(per_month):
            return _amount(per_month, source, f"{key}.per_month")
        case float(per_hour), None:
            return _amount(per_hour, source, f"{key}.per_hour") * HOURS_PER_MONTH
    raise InputError(f"{source}: {key} has both per_hour and per_month", "keep one of them")


def _amount(value: float, source: str, key: str) -> float:
    if not 0 <= value <= _MOST:
        raise InputError(f"{source}: {key} is {value:g}; a price is 0 or more", _BOUND)
    return value


def _some(value: float, source: str, key: str) -> float:
    if not 0 < value <= _MOST:
        raise InputError(f"{source}: {key} is {value:g}; a server has more than 0 of it", _BOUND)
    return value


def _decode(table: Mapping[str, Any], kind: type[T], source: str, key: str) -> T:
    """Turn one table into a typed record, naming file and key when it does not fit."""
    known = [field.name for field in msgspec.structs.fields(kind)]
    for name in table:
        if name not in known:
            raise InputError(f"{source}: unknown key {_join(key, name)}", _nearest(name, known))
    try:
        return msgspec.convert(dict(table), kind)
    except msgspec.ValidationError as error:
        said, _, path = str(error).partition(" - at `$.")
        if said.startswith("Object missing required field"):
            missing = said.split("`")[1]
            what = key or "it"
            raise InputError(f"{source}: {what} has no {missing}", _EXAMPLES.get(missing, "")) from error
        where = _join(key, path.rstrip("`")) if path else key
        example = _EXAMPLES.get(where.rpartition(".")[2], "")
        raise InputError(f"{source}: {where}: {said[:1].lower()}{said[1:]}", example) from error


_EXAMPLES = {
    "memory": 'write it with its unit, like memory = "8GiB"',
    "bandwidth": 'write it with its unit, like bandwidth = "10Gbit/s"',
    "unit": 'write it like unit = "alb"',
    "currency": 'write it like currency = "USD"',
    "cores": "write it like cores = 4",
    "shapes": "describe each kind of server in [shapes.NAME]",
    "prices": "give each shape its price in [prices.NAME]",
}


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"known: {_names(names)}"


def _names(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _quoted(name: str) -> str:
    """A TOML key: bare where it may be."""
    bare = name and all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in name)
    return name if bare else msgspec.json.encode(name).decode()
