"""Care with targets: a host on the public internet is loaded only when somebody says that it may be."""

import ipaddress
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import typer

from siotool.cli import config_file
from siotool.cli.known_options import KnownOption
from siotool.errors import InputError, TargetError
from siotool.printable import one_line

#: Networks of this machine and of whoever runs it: loopback, RFC 1918, RFC 4193, link-local.
OWN = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/32",
            "127.0.0.0/8",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
            "::/127",  # :: and ::1
            "fc00::/7",
            "fe80::/10",
        ),
    )
)
ALLOWED = KnownOption(
    "allowed-hosts", "allowed_hosts", "--allowed-hosts", "", "text", repeatable=True, separator=""
)


def check(urls: Sequence[str], *, yes: bool, allowed: Sequence[str], written: bool = False) -> None:
    """Ask on a terminal whether public hosts may be loaded; elsewhere raise InputError, unless ``yes``.

    ``allowed`` are hosts that may be, beside those of the user's own file. Names are looked up; nothing
    is connected to. Raises TargetError for a name that is not found. ``written``: the load is only written
    down, to run where nobody can be asked, the user's own file is not, and other names are known.
    """
    for host in allowed:
        refuse_url(host, "--allowed-hosts")
    if yes or not urls:
        return
    may_be = {_plain(host) for host in (*allowed, *(() if written else _listed()))}
    hosts = dict.fromkeys(_plain(urlsplit(url).hostname or "") for url in urls)
    find = _known_here if written else addresses
    public = public_among({host: find(host) for host in hosts if host not in may_be})
    if not public:
        return
    shown = ", ".join(host if host == address else f"{host} ({address})" for host, address in public.items())
    what = one_line(f"{shown} {'is' if len(public) == 1 else 'are'} on the public internet")
    advice = "load only what is yours, or what its owner lets you load"
    if written:
        raise InputError(f"{what}: {advice}", "then give --yes or --allowed-hosts, which go with the load")
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InputError(
            f"{what}: {advice}", "then give --yes, or list the host in allowed-hosts (docs/configuration.md)"
        )
    if not _confirmed(f"siotool: {what}: {advice}. May it be loaded?"):
        raise InputError("not confirmed: nothing was connected to")


def public_among(found: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the hosts that have any public address, and the first such address."""
    public = {host: [address for address in those if not is_own(address)] for host, those in found.items()}
    return {host: those[0] for host, those in public.items() if those}


def is_own(address: str) -> bool:
    """Return whether an address is on this machine, or in a private or link-local network."""
    found = ipaddress.ip_address(address)
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in OWN)


def addresses(host: str) -> list[str]:
    """Look a host up. Raises TargetError."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise TargetError(f"cannot find {host}: {error}", "check the host's name") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _known_here(host: str) -> list[str]:
    try:
        return addresses(host)
    except TargetError:
        return []


def refuse_url(host: str, where: str) -> None:
    """Raise InputError for what is no host alone."""
    if "/" in host or not host.strip():
        raise InputError(f"{where}: {host!r} is no host", "write the host alone, such as load.example.org")


def _listed() -> list[str]:
    """Return the hosts of the user's own file, ``siotool/config.toml`` below ``$XDG_CONFIG_HOME``."""
    given = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    try:
        folder = given if given.is_absolute() else Path.home() / ".config"
    except RuntimeError:  # a user without a home, as some containers have
        return []
    path = folder / "siotool" / "config.toml"
    if not path.exists():
        return []
    found = config_file.read(str(path), {ALLOWED.name: ALLOWED})
    hosts = [host for one in found.values() for host in one.values]
    for host in hosts:
        refuse_url(host, str(path))
    return hosts


def _plain(host: str) -> str:
    return host.strip().lower().rstrip(".")


def _confirmed(question: str) -> bool:
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        raise KeyboardInterrupt from None
