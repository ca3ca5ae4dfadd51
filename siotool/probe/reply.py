"""The answer to one HTTP request, or why there is none."""

import html
import json
import re

import msgspec

from siotool.client.cookies import CookieJar
from siotool.printable import one_line

#: Characters of a server's words that are quoted.
_WORDS_AT_MOST = 160


class Reply(msgspec.Struct, frozen=True):
    """Status, headers and the beginning of the body; ``seconds`` from the request to its end.

    ``failure`` is empty where there was an answer, else timeout, closed, tls or not_http, with
    ``detail`` in the library's words. ``fickle``: asked again, the target answered otherwise.
    """

    status: int = 0
    headers: list[tuple[str, str]] = []
    body: bytes = b""
    seconds: float = 0.0
    failure: str = ""
    detail: str = ""
    fickle: bool = False

    def header(self, name: str) -> str:
        """A header's value; empty where there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def whole(self, name: str) -> str:
        """All values of a header as one, as browsers read it when it comes twice (RFC 9110 §5.3)."""
        return ", ".join(value for key, value in self.headers if key.lower() == name.lower())

    @property
    def location(self) -> str:
        """Where a redirect leads; empty where the answer is none."""
        return self.header("Location") if 300 <= self.status < 400 else ""

    @property
    def cookies(self) -> dict[str, str]:
        """Cookies that the server sets, by name; each value as it was written."""
        jar = CookieJar()
        jar.take(value for name, value in self.headers if name.lower() == "set-cookie")
        return jar.by_name

    @property
    def words(self) -> str:
        """The server's own words on one line, safe to show: a message, a title, the first line."""
        text = self.body.decode("utf-8", "replace").strip()
        found: object = text
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            if title := re.search(r"<(?:title|h1)[^>]*>(.*?)<", text, re.DOTALL | re.IGNORECASE):
                found = html.unescape(title[1])
            elif text.startswith("<"):
                found = html.unescape(re.sub(r"<[^>]*>", " ", text))
        if isinstance(found, dict):
            found = found.get("message", found.get("error", found.get("detail", text)))
        said = str(found).strip()
        return one_line(said.splitlines()[0] if said else "", _WORDS_AT_MOST)

    @property
    def code(self) -> int | None:
        """The number of an Engine.IO error (0 to 5) where the body is one."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        if not isinstance(found, dict) or "message" not in found:
            return None
        number = found.get("code")
        return number if isinstance(number, int) and 0 <= number <= 5 else None

    @property
    def said(self) -> str:
        """Status and words, as a sentence quotes them: ``400 "Transport unknown"``."""
        if self.failure:
            return self.detail
        if self.location:
            return f"{self.status}, a redirect to {one_line(self.location.partition('?')[0], _WORDS_AT_MOST)}"
        return f"{self.status} “{self.words}”" if self.words else f"{self.status} without words"
