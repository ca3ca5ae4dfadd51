"""Cookies that a server sets, kept for one connection: a balancer's stickiness, mostly."""

from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


class CookieJar:
    """Cookies by name; what the server sets later replaces or removes what it set before."""

    __slots__ = ("_cookies",)

    def __init__(self) -> None:
        self._cookies: dict[str, str] = {}

    def take(self, set_cookies: Iterable[str]) -> None:
        """Keep the values of ``Set-Cookie`` headers."""
        for text in set_cookies:
            pair, *attributes = text.split(";")
            name, equals, value = pair.partition("=")
            if not equals or not name.strip():
                continue
            if _expired(attributes):
                self._cookies.pop(name.strip(), None)
            else:
                self._cookies[name.strip()] = value.strip()

    @property
    def values(self) -> list[str]:
        """The values alone."""
        return list(self._cookies.values())

    def header(self) -> str:
        """The ``Cookie`` header; empty without any."""
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())


def _expired(attributes: list[str]) -> bool:
    found = {}
    for attribute in attributes:
        name, _, value = attribute.partition("=")
        found[name.strip().lower()] = value.strip()
    if "max-age" in found:
        age = found["max-age"]
        return age.lstrip("-").isdigit() and int(age) <= 0
    try:
        until = parsedate_to_datetime(found["expires"]) if "expires" in found else None
    except ValueError:
        return False
    return until is not None and until.replace(tzinfo=until.tzinfo or UTC) <= datetime.now(UTC)
