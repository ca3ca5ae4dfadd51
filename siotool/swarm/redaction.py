"""Secrets are replaced by ``***`` in texts that are shown or written: those of very many users, cheaply.

A text is looked through once: the last characters of each secret are an index of all, so that the work
does not grow with their number. Secrets are kept as they are and as JSON, URLs and Python's ``repr``
write them. Shorter ones than ``SHORTEST`` would replace ordinary words; in names, such as those of
events, none shorter than ``SHORTEST_IN_NAMES`` is replaced.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2s
from itertools import pairwise
from typing import Any, TextIO

from siotool.client.identity import Identity
from siotool.client.secret_texts import SHORTEST, forms_of, secrets_of, texts_in

SHORTEST_IN_NAMES = 8
#: Texts are looked through up to so many characters; far fewer are shown of any.
LOOKED_THROUGH = 20_000
#: Secrets of so many users, or cookies of so many connections, are kept after they have gone.
_KEPT_AFTER = 20_000
#: Digests of other processes' secrets, about 150 bytes each.
_DIGESTS_AT_MOST = 200_000

#: Options of siotool whose values are commands of a shell.
_SHELL = ("--fault", "--restart-command")

#: A secret that can be recognised, and not be read: its last characters, its length, a keyed hash.
Digest = tuple[str, int, bytes]


class Redaction:
    """Texts that must not be shown; each is counted as often as it was added.

    ``key`` is that of digests, the same in all processes of a run.
    """

    def __init__(self, texts: Iterable[str] = (), key: int = 0) -> None:
        self._key = key.to_bytes(8, "big")
        #: Gets digests of what users show that no other process knows.
        self.announce: Callable[[list[Digest]], object] = lambda digests: None
        self._digests: dict[bytes, None] = {}
        self._counts: dict[str, int] = {}
        #: By the last ``SHORTEST`` characters of secrets, their lengths; some may be gone.
        self._lengths: dict[str, tuple[int, ...]] = {}
        self._retired: deque[tuple[str, ...]] = deque()
        self.add(texts)

    def add(self, texts: Iterable[str]) -> None:
        """Hide these texts from now on."""
        counts = self._counts
        for text in texts:
            for form in forms_of(text):
                counts[form] = counts.get(form, 0) + 1
                self._index(form[-SHORTEST:], len(form))

    def digests_of(self, texts: Iterable[str]) -> list[Digest]:
        """Digests of texts, for ``add_digests`` of another process."""
        forms = {form for text in texts for form in forms_of(text)}
        return [(form[-SHORTEST:], len(form), self._digest(form)) for form in forms]

    def add_digests(self, digests: Iterable[Digest]) -> None:
        """Hide texts of which only these are known, the last ``_DIGESTS_AT_MOST`` of them."""
        for end, length, found in digests:
            self._digests[found] = None
            self._index(end, length)
        while len(self._digests) > _DIGESTS_AT_MOST:
            del self._digests[next(iter(self._digests))]

    def _digest(self, text: str) -> bytes:
        return blake2s(text.encode("utf-8", "surrogatepass"), digest_size=12, key=self._key).digest()

    def _index(self, end: str, length: int) -> None:
        known = self._lengths.get(end, ())
        if length not in known:
            self._lengths[end] = (*known, length)

    def _is_secret(self, text: str) -> bool:
        return text in self._counts or bool(self._digests and self._digest(text) in self._digests)

    def retire(self, texts: Iterable[str]) -> None:
        """These are no longer in use: forget them once ``_KEPT_AFTER`` more have gone."""
        self._retired.append(tuple(texts))
        if len(self._retired) > _KEPT_AFTER:
            self._forget(self._retired.popleft())

    def add_for_a_while(self, texts: Iterable[str]) -> None:
        """Hide these texts until ``_KEPT_AFTER`` more have gone."""
        kept = tuple(texts)
        self.add(kept)
        self.retire(kept)

    def apply(self, text: str) -> str:
        """A text without secrets."""
        return self._hidden(text, SHORTEST)

    def label(self, name: str) -> str:
        """A name without secrets."""
        return self._hidden(name, SHORTEST_IN_NAMES)

    def _forget(self, texts: Iterable[str]) -> None:
        for text in texts:
            for form in forms_of(text):
                left = self._counts.get(form, 0) - 1
                if left > 0:
                    self._counts[form] = left
                else:
                    self._counts.pop(form, None)
        if len(self._lengths) > 2 * len(self._counts) + 1000:
            self._lengths = {}
            for form in self._counts:
                self._index(form[-SHORTEST:], len(form))

    def _hidden(self, text: str, shortest: int) -> str:
        lengths = self._lengths
        if not lengths:
            return text
        text = text[:LOOKED_THROUGH]
        parts: list[str] = []
        kept = len(text)
        end = kept
        # from behind, where the index leads
        while end >= SHORTEST:
            found = lengths.get(text[end - SHORTEST : end])
            start = end
            for length in found or ():
                if shortest <= length <= end and self._is_secret(text[end - length : end]):
                    start = min(start, end - length)
            if start < end:
                start = self._widened(text, start, end, shortest)
                parts += [text[end:kept], "***"]
                kept = end = start
            else:
                end -= 1
        return "".join(reversed([*parts, text[:kept]]))

    def _widened(self, text: str, start: int, end: int, shortest: int) -> int:
        """Where what is hidden begins: a secret may end within another that was found."""
        for at in range(end - 1, SHORTEST - 1, -1):
            if at <= start:
                break
            for length in self._lengths.get(text[at - SHORTEST : at], ()):
                begin = at - length
                if length >= shortest and 0 <= begin < start and self._is_secret(text[begin:at]):
                    start = begin
        return start


def with_commands_hidden(arguments: Sequence[str], hide: Callable[[str], str]) -> list[str]:
    """Arguments of siotool, without what the commands of a shell among them quote that is secret.

    In others it may be an ordinary word, and a next test is begun with them.
    """
    return [
        hide(one) if before in _SHELL or one.partition("=")[0] in _SHELL else one
        for before, one in pairwise(("", *arguments))
    ]


class UserSecrets:
    """The secrets of one user: of its row, and of what it shows."""

    __slots__ = ("_redaction", "_row", "_shown")

    def __init__(self, redaction: Redaction, row: Mapping[str, Any]) -> None:
        self._redaction = redaction
        self._row = tuple(texts_in(row))
        self._shown: tuple[str, ...] = ()
        redaction.add(self._row)

    def show(self, identity: Identity) -> None:
        """The user shows an identity, instead of the one before."""
        last, self._shown = self._shown, tuple(secrets_of(identity))
        self._redaction.add(self._shown)
        self._redaction.announce(self._redaction.digests_of(self._shown))
        if last:
            self._redaction.retire(last)

    def leave(self) -> None:
        """The user has left."""
        self._redaction.retire((*self._row, *self._shown))
        self._row = self._shown = ()


class RedactedStream:
    """A text stream that hides secrets in what is written to another."""

    def __init__(self, stream: TextIO, redaction: Redaction) -> None:
        self._stream = stream
        self._redaction = redaction

    def write(self, text: str) -> int:
        """Write a text; it is looked through by itself."""
        self._stream.write(self._redaction.apply(text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream behind."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Descriptor of the stream behind, for C code."""
        return self._stream.fileno()
