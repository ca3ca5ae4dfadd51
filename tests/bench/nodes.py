"""What it costs a generator to count deliveries by the node of their receivers: run by hand, prints a table.

    python -m tests.bench.nodes [--users 500] [--messages 2000]

Delivers messages to all users, and to a room of all, as a worker does: with nodes and without, in turn.
Printed is the CPU of one delivery in microseconds, without the frame that carries it, and its part of
that of the report of a second; the median of the turns.
"""

import argparse
import time
from statistics import median
from typing import Any

from siotool.swarm.delivery_tracker import DeliveryTracker
from siotool.swarm.metrics import Metrics
from siotool.swarm.receiver import Receiver

RUN, ROOM = 0xC0FFEE, 7
TURNS = 9
#: Messages of one report.
OF_A_SECOND = 20


def costs(users: int, messages: int, *, by_node: bool, to_room: bool) -> tuple[float, float]:
    """CPU seconds of one delivery: as it comes, and in the report."""
    tracker = DeliveryTracker(RUN, by_node=by_node)
    metrics = Metrics(tracker)
    receivers = [Receiver(slot) for slot in range(users)]
    for number, receiver in enumerate(receivers):
        metrics.join(receiver, 1.0, node=f"server-{number % 2}" if by_node else "")
        if to_room:
            tracker.audiences.join(receiver, ROOM, 1.0)
    delivering = reporting = 0.0
    sender = receivers[0]
    for second in range(messages // OF_A_SECOND):
        now = 10.0 + second
        for _ in range(OF_A_SECOND):
            if to_room:
                text = tracker.publish_to(sender, 9, ROOM, "say", now, now, includes_sender=True)
            else:
                text = tracker.publish(9, "say", now, now, users, 0, sender.node)
            message: Any = tracker.seen(text.encode(), "say")
            deliver = message.deliver
            begun = time.thread_time()
            for receiver in receivers:
                deliver(receiver, now + 0.001)
            delivering += time.thread_time() - begun
        begun = time.thread_time()
        metrics.close_operations()
        tracker.take_receipts()
        reporting += time.thread_time() - begun
        tracker.forget_old(now)
    count = users * (messages // OF_A_SECOND) * OF_A_SECOND
    return delivering / count, reporting / count


def main() -> None:
    """Measure in turn, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--messages", type=int, default=2000)
    asked = parser.parse_args()
    print("| to | nodes | a delivery | its part of the report |\n|---|---|--:|--:|")
    for to_room in (False, True):
        turns = [
            [
                costs(asked.users, asked.messages, by_node=by_node, to_room=to_room)
                for by_node in (False, True)
            ]
            for _ in range(TURNS)
        ]
        for known, each in zip(("no", "yes"), zip(*turns, strict=True), strict=True):
            one, part = (1e6 * median(column) for column in zip(*each, strict=True))
            print(f"| {'room' if to_room else 'all'} | {known} | {one:.2f} µs | {part:.2f} µs |")


if __name__ == "__main__":
    main()
