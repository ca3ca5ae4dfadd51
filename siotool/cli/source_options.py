"""``--source-ip``: from which addresses of this machine connections come."""

import ipaddress
import socket
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from siotool.errors import InputError

#: More addresses than this are no help to one machine.
MOST = 65_536

SourceIp = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ADDRESS",
        help="Connect from this address of this machine, a range 10.0.0.5-10.0.0.9 or a network "
        "10.0.1.0/28, in turn. Repeatable. Each has some 28,000 ports to one target.",
        rich_help_panel="Connection",
    ),
]


def read(texts: Sequence[str]) -> tuple[str, ...]:
    """Return all addresses, each once; raises InputError for one that is not of this machine."""
    found: dict[str, None] = {}
    for text in texts:
        for address in _addresses(text):
            found[address] = None
            if len(found) > MOST:
                raise InputError(f"--source-ip {text}: more than {MOST:,} addresses", "name fewer")
    for address in found:
        _check_own(address)
    return tuple(found)


def _addresses(text: str) -> Iterator[str]:
    """The addresses that a text stands for: one, a range, or those of a network's hosts."""
    first, dash, last = text.partition("-")
    try:
        if "/" in text:
            network = ipaddress.ip_network(text, strict=False)
            yield from map(str, network.hosts())
            return
        begin = ipaddress.ip_address(first.strip())
        end = ipaddress.ip_address(last.strip()) if dash else begin
    except ValueError as error:
        raise InputError(
            f"--source-ip {text}: {error}", "an address, a range FIRST-LAST, or a network as 127.0.1.0/24"
        ) from None
    if begin.version != end.version or int(begin) > int(end):
        raise InputError(f"--source-ip {text}: a range that ends before it begins", "as 10.0.0.5-10.0.0.9")
    kind = type(begin)
    yield from (str(kind(number)) for number in range(int(begin), int(end) + 1))


def _check_own(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((address, 0))
    except OSError as error:
        raise InputError(
            f"--source-ip {address} is no address of this machine: {error.strerror}",
            f"ip addr add {address} dev INTERFACE gives it to this machine, if it is yours",
        ) from None
