"""Where deliveries arrive, and how long they are waited for."""

from math import inf
from typing import Any

#: A server may let messages of different senders overtake each other by so much.
OVERTAKEN_S = 0.1
#: A delivery later than this is lost; when it comes after all, it is counted as late.
GIVE_UP_S = 30.0
#: A publisher that has sent nothing for so long begins anew at its receivers: what still comes of
#: a message that old is counted as new.
REMEMBER_S = 20 * GIVE_UP_S
#: Each frozenset() takes 0.2 kB.
_NOTHING: frozenset[str] = frozenset()


class Receiver:
    """Where deliveries arrive: its slot, and when it is to expect them."""

    __slots__ = (
        "away_from",
        "away_until",
        "earlier_nodes",
        "early",
        "expecting",
        "gone",
        "joined_at",
        "left_at",
        "lost_at",
        "meant",
        "missing_in",
        "node",
        "overtaken",
        "past",
        "places",
        "published",
        "pushes",
        "session_at",
        "slot",
        "unsettled_until",
        "waits",
    )

    def __init__(self, slot: int) -> None:
        self.slot = slot
        #: A message has arrived that was sent well after it left: none from before is under way.
        self.overtaken = False
        #: Its user has left for good; its connection may stay open for a while.
        self.gone = False
        self.joined_at = inf
        self.left_at = inf
        #: The node its connection is on (``nodes``); those before it, each with when it was left, as long as
        #: messages of that time may come.
        self.node = ""
        self.earlier_nodes: tuple[tuple[float, str], ...] = ()
        #: When its connection was lost, and the audiences it was in (0: all); ``inf`` unless it is away.
        self.lost_at = inf
        self.missing_in: tuple[int, ...] = ()
        #: Its next loss is meant: what is under way then is as little held against the server as at a leave.
        self.meant = False
        #: Begin and end of lost connections, in which it expected messages that may still come; the last one
        #: stands last.
        self.past: tuple[tuple[float, float], ...] = ()
        #: When it was last away (until ``inf`` while it is); when the session had begun that it lost, ``inf``
        #: once it is known not to be given back.
        self.away_from = self.away_until = -inf
        self.session_at = inf
        #: How many messages came before it had joined again, as a server replays them.
        self.early = 0
        #: Its places in audiences (``audience.Place``), those it left lately included.
        self.places: list[Any] = []
        #: What came where it was no member, up to this moment, is no fault: it may have been about to join.
        self.unsettled_until = -inf
        #: How many messages it has sent to audiences.
        self.published = 0
        #: Events that it expects by their keys, what came of those (``pushes``), how many it waits for.
        self.expecting = _NOTHING
        self.pushes: dict[Any, Any] = {}
        self.waits = 0

    def move(self, node: str, now: float) -> None:
        """Its connection is on a node from now on; it was on the last one until it was lost."""
        if node == self.node:
            return
        if self.left_at < inf:
            recent = [one for one in self.earlier_nodes if one[0] > now - 2 * GIVE_UP_S]
            self.earlier_nodes = (*recent, (self.left_at, self.node))
        self.node = node

    def node_at(self, sent: float) -> str:
        """The node it was on when a message was sent; while it was away: the one it came back to."""
        for until, node in self.earlier_nodes:
            if sent < until:
                return node
        return self.node

    def expected_before(self, sent: float) -> bool:
        """Whether a message sent at a moment was expected over a connection that was lost since."""
        return any(begin <= sent < end for begin, end in self.past)

    def catch_up(self, sent: float, now: float) -> None:
        """A message has come that was sent before the receiver was back."""
