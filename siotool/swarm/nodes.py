"""Which node a connection is on: the server process that holds it, by the name it gives itself.

The name stands in a header of the answer that opens a session. Without such a header a service that has
several URLs, one for each server, has them as the names. Otherwise nodes are not known.
"""

from collections.abc import Callable, Sequence

from siotool.swarm.memory_limits import NAME_CHARACTERS, NODES

#: A connection whose node is not known.
UNKNOWN = ""


class Nodes:
    """The nodes of one worker's connections; ``remark`` says what the report should say."""

    def __init__(self, header: str, urls: Sequence[str], remark: Callable[[str, str], None]) -> None:
        #: The name of the header in lower case; empty: none is looked for.
        self.header = header.lower()
        self._urls = urls if len(urls) > 1 and not header else ()
        self._remark = remark
        #: Each name once, however many connections have it.
        self._names: dict[str, str] = {}

    def of_target(self, number: int) -> str:
        """The node of a connection to a target, before its server has said anything."""
        return self._urls[number] if self._urls else UNKNOWN

    def named(self, values: Sequence[str]) -> str:
        """The node that the values of the header name; past ``NODES`` of them further ones are not known."""
        name = ", ".join(values).strip()[:NAME_CHARACTERS]
        if not name:
            self._remark("server_header", f"a server opened a session without the header {self.header}")
            return UNKNOWN
        if name not in self._names and len(self._names) >= NODES:
            self._remark(
                "server_header", f"more than {NODES} names in the header {self.header}: is it one per server?"
            )
            return UNKNOWN
        return self._names.setdefault(name, name)
