"""Stamped messages over all workers: expected, received, lost and misdelivered deliveries.

A stamped message is expected by every connection, of any worker, that was open when it was
sent; one to an audience by the members of that moment. It is closed when all of them have it, or
when it is given up. What arrives at connections that opened while it was under way, or at members
that came or left then, counts as expected because it arrived.
"""

from collections import Counter, defaultdict
from collections.abc import Set
from math import inf

import msgspec

from siotool.deliveries_by_node import DeliveriesByNode
from siotool.runfile import AudienceDeliveries, Delivery
from siotool.swarm.absence import AbsenceLevels
from siotool.swarm.audience import KNOWN_S
from siotool.swarm.audience_totals import AudienceTotals, class_of
from siotool.swarm.node_totals import NodeTotals
from siotool.swarm.nodes import UNKNOWN
from siotool.swarm.presence import PresenceLevel
from siotool.swarm.receiver import GIVE_UP_S, REMEMBER_S
from siotool.swarm.worker_report import Presence, Publication, PushCounts, Receipt, WorkerInterval

#: A stamp keeps microseconds: it may lie a little before the second it was written in.
_STAMPS_MAY_DIFFER_S = 1e-3

#: Publisher, number, audience. The numbers of messages to all, and of those to audiences, are counted apart.
_Key = tuple[int, int, int]
#: A worker, and the node that some of its connections are on; one without a name where nodes are not known.
_Site = tuple[int, str]


class _Open(msgspec.Struct):
    """A message with deliveries to come; ``missing_at`` counts them by site.

    ``node`` is its sender's; ``received_at`` and ``delays`` are by the receivers' nodes.
    """

    sent: float
    node: str
    missing_at: dict[_Site, int]
    delays: list[tuple[str, bytes]]
    received_at: dict[str, int]
    undue: int = 0
    duplicate: int = 0
    reordered: int = 0
    misdelivered: int = 0
    acknowledged: bool = False
    #: False once a worker was lost that had some of its deliveries.
    whole: bool = True

    @property
    def missing(self) -> int:
        """Deliveries still to come. More than expected at one site makes up for none at another."""
        return sum(count for count in self.missing_at.values() if count > 0)

    @property
    def received(self) -> int:
        """Deliveries where they were expected."""
        return sum(self.received_at.values())

    def receive(self, worker: int, receipt: Receipt) -> None:
        """Count deliveries."""
        site, node = (worker, receipt.node), receipt.node
        self.received_at[node] = self.received_at.get(node, 0) + receipt.due
        self.undue += receipt.undue
        self.duplicate += receipt.duplicate
        self.reordered += receipt.reordered
        self.misdelivered += receipt.misdelivered
        self.missing_at[site] = self.missing_at.get(site, 0) + receipt.expected - receipt.due
        if receipt.delays:
            self.delays.append((node, receipt.delays))

    @property
    def timed(self) -> bool:
        """Whether the delays of all its deliveries are known, and it has some."""
        known = sum(len(packed) for _, packed in self.delays) // 4
        return self.whole and 0 < known >= self.received and not self.missing


class DeliveryAggregator:
    """Expected, received and lost deliveries of stamped messages over all workers.

    A worker's second is closed when its loop gets to it, so two workers' seconds do not end
    together. A message is opened once every worker has reported its connections of that moment.
    A member that leaves is reported as if it had left a little before; messages that are open by then
    are corrected. What a lost worker has not reported is unknown, and so is what did not arrive of another's
    reports: it is not expected.
    """

    def __init__(self) -> None:
        #: By site and audience. Each worker has a site without a name.
        self._presence: dict[_Site, dict[int, PresenceLevel]] = {}
        self._absence = AbsenceLevels()
        self._stepped: set[tuple[_Site, int]] = set()
        self._finished: set[int] = set()
        #: Workers some of whose reports did not arrive: what is expected of them is not known since.
        self._unsure: set[int] = set()
        self._unopened: list[tuple[int, Publication]] = []
        #: By audience.
        self._open: defaultdict[int, dict[_Key, _Open]] = defaultdict(dict)
        #: By publisher, and whether to an audience: the last message that was opened, and when it was sent.
        #: Who has published last stands last.
        self._opened: dict[tuple[int, bool], tuple[int, float]] = {}
        #: What came of messages before they were opened.
        self._early: dict[_Key, list[tuple[int, Receipt]]] = {}
        #: To how many receivers messages went that are closed: those of lately, and those before.
        self._closed: dict[_Key, int] = {}
        self._closed_before: dict[_Key, int] = {}
        self._closed_since = 0.0
        #: When messages were sent that were given up.
        self._given_up: dict[_Key, float] = {}
        self._audiences = AudienceTotals()
        #: A connection's node is known: deliveries are counted by it from now on.
        self._by_node = False
        self._nodes = NodeTotals()
        #: Lost deliveries, by how many whole seconds ago their message was sent; those of them whose message
        #: the server had acknowledged.
        self._lost_ago = Counter[int]()
        self._acknowledged_ago = Counter[int]()
        #: Messages that were acknowledged before they were opened.
        self._acknowledged_early: set[_Key] = set()

    def close(self, parts: list[WorkerInterval], until: float, last: bool) -> Delivery:
        """Count one second of all workers; ``last`` gives up what is still open."""
        # who came and left in seconds that did not arrive is not known
        self._excuse_lost({part.worker for part in parts if not part.missed})
        self._unsure |= {part.worker for part in parts if part.missed}
        self._finished |= {part.worker for part in parts if part.final}
        for part in parts:
            self._presence.setdefault((part.worker, UNKNOWN), {})
            for step in part.presence:
                self._follow(part.worker, step)
            self._absence.follow(part)
            self._unopened += [(part.worker, publication) for publication in part.published]
        known_until = inf if last else min(part.until for part in parts)
        totals = Counter[str]()
        self._open_messages(known_until, totals)
        for part in parts:
            for key in part.acknowledged:
                self._acknowledge(key)
            for receipt in part.receipts:
                self._receive(part.worker, receipt, totals)
        if last:
            self._excuse_lost(frozenset())  # who was to report more, and is in this very second
        self._close_messages(until, last, totals)
        pushed = self._count_pushes(parts, totals)
        waiting = sum(message.missing for messages in self._open.values() for message in messages.values())
        self._forget(until, known_until)
        self._absence.forget(known_until - _STAMPS_MAY_DIFFER_S)
        return Delivery(
            published=sum(len(part.published) for part in parts),
            acknowledged=sum(len(part.acknowledged) for part in parts),
            expected=totals["received"] + totals["lost"],
            received=totals["received"],
            lost=totals["lost"],
            duplicate=totals["duplicate"],
            reordered=totals["reordered"],
            late=totals["late"],
            pending=waiting + pushed,
            misdelivered=totals["misdelivered"],
            while_away=totals["while_away"],
        )

    def take_audiences(self) -> list[AudienceDeliveries]:
        """What was closed since the last call, by size of the audience."""
        closed, self._audiences = self._audiences.close(), AudienceTotals()
        return closed

    def take_by_node(self) -> DeliveriesByNode | None:
        """What was closed since the last call, by the nodes of sender and receiver; None: none is known."""
        closed, self._nodes = self._nodes, NodeTotals()
        if not self._by_node:
            return None
        present = {node for (_, node), levels in self._presence.items() if 0 in levels and levels[0].at(inf)}
        return closed.close(len(present - {UNKNOWN}))

    def take_lost_ago(self) -> list[tuple[int, int]]:
        """When the messages were sent whose deliveries were given up since the last call."""
        lost, self._lost_ago = self._lost_ago, Counter()
        return sorted(lost.items())

    def take_acknowledged_ago(self) -> list[tuple[int, int]]:
        """Those of ``take_lost_ago`` whose messages the server had acknowledged."""
        lost, self._acknowledged_ago = self._acknowledged_ago, Counter()
        return sorted(lost.items())

    def _acknowledge(self, key: _Key) -> None:
        publisher, seq, audience = key
        message = self._open[audience].get(key) if audience in self._open else None
        if message is not None:
            message.acknowledged = True
        elif seq > self._opened.get((publisher, audience > 0), (0, 0.0))[0]:
            self._acknowledged_early.add(key)

    def _follow(self, worker: int, step: Presence) -> None:
        site = worker, step.node
        self._by_node = self._by_node or step.node != UNKNOWN
        levels = self._presence.setdefault(site, {})
        level = levels.get(step.audience)
        if level is None:
            level = levels[step.audience] = PresenceLevel()
        level.follow(step)
        self._stepped.add((site, step.audience))
        if step.audience and step.audience in self._open:
            for message in self._open[step.audience].values():
                if message.sent >= step.at:
                    message.missing_at[site] = message.missing_at.get(site, 0) + step.change

    def _excuse_lost(self, reporting: Set[int]) -> None:
        lost = [site for site in self._presence if site[0] not in self._finished | reporting]
        for site in lost:
            del self._presence[site]
            self._absence.lose(site[0])
            for messages in self._open.values():
                for message in messages.values():
                    message.whole = message.missing_at.pop(site, 0) <= 0 and message.whole

    def _open_messages(self, known_until: float, totals: Counter[str]) -> None:
        waiting = []
        for sender, publication in self._unopened:
            if publication.sent >= known_until:
                waiting.append((sender, publication))
                continue
            audience = publication.audience
            key = (publication.publisher, publication.seq, audience)
            missing = {
                site: level.at(publication.sent)
                for site, levels in self._presence.items()
                if (level := levels.get(audience)) is not None
            }
            origin = sender, publication.node
            if origin in self._presence:
                missing[origin] = missing.get(origin, 0) - publication.discount
            message = self._open[audience][key] = _Open(publication.sent, publication.node, missing, [], {})
            publisher = (publication.publisher, audience > 0)
            self._opened.pop(publisher, None)
            self._opened[publisher] = (publication.seq, publication.sent)
            totals["while_away"] += self._absence.at(audience, publication.sent)
            for worker, receipt in self._early.pop(key, ()):
                message.receive(worker, receipt)
            if key in self._acknowledged_early:
                self._acknowledged_early.remove(key)
                message.acknowledged = True
        self._unopened = waiting

    def _receive(self, worker: int, receipt: Receipt, totals: Counter[str]) -> None:
        audience = receipt.audience
        key = (receipt.publisher, receipt.seq, audience)
        totals["received"] += receipt.undue
        totals["duplicate"] += receipt.duplicate
        totals["reordered"] += receipt.reordered
        totals["misdelivered"] += receipt.misdelivered
        message = self._open[audience].get(key) if audience in self._open else None
        if message is not None:
            message.receive(worker, receipt)
        elif receipt.seq <= self._opened.get((receipt.publisher, audience > 0), (0, 0.0))[0]:
            self._receive_closed(worker, key, receipt, totals)
        else:
            self._early.setdefault(key, []).append((worker, receipt))

    def _receive_closed(self, worker: int, key: _Key, receipt: Receipt, totals: Counter[str]) -> None:
        receivers = self._closed.get(key, self._closed_before.get(key, 0))
        counted = self._audiences.of(class_of(receipt.audience, receivers))
        counted.received += receipt.undue
        counted.add(receipt)
        if key in self._given_up:
            totals["late"] += max(0, receipt.due)
        elif receipt.audience and receipt.due > 0 and worker not in self._unsure:
            # its receivers had it, as they were forgotten
            totals["duplicate"] += receipt.due
            counted.duplicate += receipt.due
        else:
            # more arrives than was expected, such as at a sender that should not get its own
            totals["received"] += receipt.due
            counted.received += receipt.due

    def _close_messages(self, until: float, last: bool, totals: Counter[str]) -> None:
        for audience, messages in list(self._open.items()):
            for key, message in list(messages.items()):
                missing = message.missing
                if missing and not last and message.sent >= until - GIVE_UP_S:
                    continue
                totals["received"] += message.received
                totals["lost"] += missing
                receivers = self._closed[key] = message.received + message.undue + missing
                group = class_of(audience, receivers)
                counted = self._audiences.of(group)
                counted.add(message)
                counted.messages += 1
                counted.received += message.received + message.undue
                counted.lost += missing
                if missing:
                    self._given_up[key] = message.sent
                    ago = max(0, int(until - message.sent))
                    self._lost_ago[ago] += missing
                    if message.acknowledged:
                        self._acknowledged_ago[ago] += missing
                elif message.timed:
                    self._audiences.skew(group, [packed for _, packed in message.delays])
                if self._by_node:
                    missed = ((node, count) for (_, node), count in message.missing_at.items() if count > 0)
                    self._nodes.add(message.node, message.received_at, missed, message.delays)
                del messages[key]
            if not messages:
                del self._open[audience]
        if last:
            # their sender was lost without a report, but they arrived
            totals["received"] += sum(r.due for early in self._early.values() for _, r in early)
            self._early.clear()

    def _count_pushes(self, parts: list[WorkerInterval], totals: Counter[str]) -> int:
        """Count what users expected by keys; returns how many they still wait for."""
        for part in parts:
            pushes = part.pushes
            if pushes == PushCounts(pending=pushes.pending):
                continue
            counted = self._audiences.of(("user", 1))
            counted.messages += pushes.received + pushes.lost
            counted.received += pushes.received
            counted.lost += pushes.lost
            counted.duplicate += pushes.duplicate
            counted.misdelivered += pushes.misdelivered
            for name in ("received", "lost", "duplicate", "misdelivered", "late"):
                totals[name] += getattr(pushes, name)
        return sum(part.pushes.pending for part in parts)

    def _forget(self, until: float, known_until: float) -> None:
        while self._given_up:
            found = next(iter(self._given_up))
            if self._given_up[found] >= until - REMEMBER_S:
                break
            del self._given_up[found]
        while self._opened:
            publisher, (_, sent) = next(iter(self._opened.items()))
            if sent >= until - REMEMBER_S:
                break
            del self._opened[publisher]
        if until - self._closed_since > KNOWN_S / 2:
            self._closed, self._closed_before, self._closed_since = {}, self._closed, until
        for site, audience in list(self._stepped):
            levels = self._presence.get(site)
            if levels is not None and audience in levels:
                level = levels[audience]
                level.forget(known_until - _STAMPS_MAY_DIFFER_S)
                if level.steps:
                    continue
                if audience and not level.at(inf):
                    del levels[audience]
            self._stepped.discard((site, audience))
