"""URLs that may hold secrets: a user and a password, and the values of the query."""

from urllib.parse import parse_qsl, unquote, urlsplit

from siotool.client.secret_texts import SHORTEST
from siotool.errors import InputError


def shown(url: str) -> str:
    """A URL without what may be secret."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = "***@" if "@" in parts.netloc else ""
    query = "?***" if parts.query else ""
    return f"{parts.scheme}://{user}{host}{parts.path}{query}"


def secrets_in(url: str) -> list[str]:
    """The texts of a URL that must not be written."""
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    found = [user, *user.split(":", 1), *(unquote(part) for part in user.split(":", 1))]
    found += [parts.query, *(value for _, value in parse_qsl(parts.query, keep_blank_values=True))]
    return [text for text in dict.fromkeys(found) if len(text) >= SHORTEST]


def credentials(url: str) -> tuple[str, str] | None:
    """The user and the password of a URL; None where it has none."""
    parts = urlsplit(url)
    if parts.username is None:
        return None
    return unquote(parts.username), unquote(parts.password or "")


def check_url(url: str, option: str) -> None:
    """Raise InputError, which repeats no secret, unless it is an http URL with a host."""
    try:
        parts = urlsplit(url)
        well = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        well = False
    if not well:
        raise InputError(
            f"{option}: not a URL of the form http://HOST:PORT/PATH",
            "for example http://127.0.0.1:9100/metrics",
        )
