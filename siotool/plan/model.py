"""What a plan says: the types behind ``siotool plan --format json``.

Field names are the contract; units are SI and stand in the names.
"""

from typing import Annotated, Literal

import msgspec

Amount = Annotated[float, msgspec.Meta(ge=0)]
Servers = Annotated[int, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]


class Inputs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The planned figures in SI units, and the availability the fleet shall reach."""

    connections: Amount
    consumption_rate_bytes_per_s: Amount
    downtime_s: Amount
    workday_s: Amount
    capacity_bytes_per_s: Amount
    utilization: Share
    availability_target: Share


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The published formula's result: its exact quotient, and that in whole servers."""

    servers_exact: Amount
    servers: Servers


class Corrected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The count that holds through downtime.

    ``availability`` is the share of the workday one server is in service; ``servers`` the
    smallest fleet of which enough are in service with the availability asked for.
    """

    servers: Servers
    availability: Share
    method: str


class Constraint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One resource: demand of the whole service, and what one server may give of it.

    Both in ``unit``; ``servers_p50`` and ``servers_p95`` are the servers that must be in
    service at that quantile of the demand; ``provenance`` says where the figures come from.
    """

    name: str
    demand: Amount
    capacity_per_server: Amount
    unit: str
    servers_p50: Servers
    servers_p95: Servers
    provenance: str


class Fleet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Servers to have, spares for downtime included, at three quantiles of the demand."""

    p50: Servers
    p90: Servers
    p95: Servers


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sized fleet, and how the size was found.

    ``servers`` is the answer. ``document`` is the published formula, ``corrected`` the count
    that keeps the binding constraint's servers in service through downtime.
    """

    version: Literal[1]
    inputs: Inputs
    document: Document
    corrected: Corrected
    constraints: list[Constraint]
    binding: str
    servers: Fleet
    warnings: list[str]
