"""Cookies that a server sets, kept for one connection: a balancer's stickiness, mostly."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

#: An age of zero or less, in seconds.
_ENDED = re.compile("-[0-9]+|0+")


#: Cookies of one connection, and characters of one name with its value: browsers keep no more of a site.
COOKIES, CHARACTERS = 50, 4096


class CookieJar:
    """Cookies by name; what the server sets later replaces or removes what it set before.

    Beyond the limits, the oldest is forgotten, and what is too long is not kept.
    """

    __slots__ = ("_cookies",)

    def __init__(self) -> None:
        self._cookies: dict[str, str] = {}

    def take(self, set_cookies: Iterable[str]) -> None:
        """Keep the values of ``Set-Cookie`` headers."""
        for text in set_cookies:
            pair, *attributes = text.split(";")
            name, equals, value = pair.partition("=")
            if not equals or not name.strip() or len(pair) > CHARACTERS:
                continue
            if _expired(attributes):
                self._cookies.pop(name.strip(), None)
            else:
                self._cookies[name.strip()] = value.strip()
                if len(self._cookies) > COOKIES:
                    del self._cookies[next(iter(self._cookies))]

    @property
    def by_name(self) -> dict[str, str]:
        """The values as the server wrote them, by name."""
        return dict(self._cookies)

    @property
    def values(self) -> list[str]:
        """The values alone."""
        return list(self._cookies.values())

    def header(self) -> str:
        """The ``Cookie`` header; empty without any."""
        return cookie_header(self._cookies)


def cookie_header(cookies: Mapping[str, str]) -> str:
    """The ``Cookie`` header of values by name, which are written as they are; empty without any."""
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def _expired(attributes: list[str]) -> bool:
    found = {}
    for attribute in attributes:
        name, _, value = attribute.partition("=")
        found[name.strip().lower()] = value.strip()
    if "max-age" in found:
        return _ENDED.fullmatch(found["max-age"]) is not None
    try:
        until = parsedate_to_datetime(found["expires"]) if "expires" in found else None
        return until is not None and until.replace(tzinfo=until.tzinfo or UTC) <= datetime.now(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):  # no date, in one of many ways
        return False
