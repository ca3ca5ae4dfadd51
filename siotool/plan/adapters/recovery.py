"""Connection state recovery: what it keeps, for how long it really works, and what a restore reads.

Socket.IO documents a window of 120 s (``maxDisconnectionDuration``, socketio/socket.io
packages/socket.io/lib/index.ts). What an adapter keeps is often less, and when all
clients ask for it at once, it is a lot to read.
"""

from siotool.plan.adapters.laws import Adapter
from siotool.plan.numbers import N, divide, minimum
from siotool.units import format_count, format_duration, format_size

#: The default of connectionStateRecovery.maxDisconnectionDuration.
WINDOW_S = 120.0

#: How often the in-memory adapter sweeps what has expired
#: (socketio/socket.io packages/socket.io-adapter/lib/in-memory-adapter.ts, SessionAwareAdapter).
SWEEP_S = 60.0

#: maxLen's default (socketio/socket.io-redis-streams-adapter lib/adapter.ts).
STREAM_ENTRIES = 10_000.0

#: The size of the capped collection in socketio/socket.io-mongo-adapter README.md.
CAPPED_BYTES = 1e6

#: Bytes read from one stream that are worth a warning.
_MUCH_BYTES = 1e9


def packets_kept(packets_per_s: N) -> N:
    """Return the packets that one process keeps at most in its own memory.

    ``packets_per_s``: events of this process that are neither volatile nor acknowledged, to any
    room, one session's included. They stay for the window and up to a sweep longer: 180 s. A
    restore walks over them one by one, first to find the offset, then to pick what the
    session's rooms were sent.
    """
    return packets_per_s * (WINDOW_S + SWEEP_S)


def stream_window_s(entries_per_s: N) -> N:
    """Return the real window of one stream that takes ``entries_per_s``, of all its namespaces.

    min(window, maxLen/M). 120 s need maxLen ≥ 120·M: the default of 10,000 is enough up to 83
    entries per second, at 200 it is 50 s, at 1,000 it is 10 s. Trimming is approximate ("~"):
    up to a node of the stream, 100 entries by default, may stay longer.
    """
    return minimum(WINDOW_S, divide(STREAM_ENTRIES + 0.0 * entries_per_s, entries_per_s))


def collection_window_s(entries_per_s: N, entry_bytes: N) -> N:
    """Return for how many seconds a capped MongoDB collection holds messages and sessions.

    The mongo adapter compares no time (``restoreSession``): what the collection still holds can be
    restored. The README's 1 MB holds 10 s of 200 entries of 500 bytes per second.
    """
    return divide(CAPPED_BYTES + 0.0 * entries_per_s, entries_per_s * entry_bytes)


def restored_bytes(returning: N, entries_per_s: N, away_s: N, entry_bytes: N) -> N:
    """Return the bytes that ``returning`` sessions, each ``away_s`` away, read from one stream.

    A restore reads everything after the session's offset, for any room, by XRANGE without a
    COUNT, until a read comes back empty (at most 100; "FIXME" in the source). Its node decodes the
    namespace's entries before it looks at the rooms. 50,000 sessions × 10,000 entries × 300 bytes
    are 150 GB from one Redis.
    """
    return returning * minimum(STREAM_ENTRIES, entries_per_s * away_s) * entry_bytes


def lint(
    adapter: Adapter,
    *,
    publishes_per_s: float,
    entry_bytes: float,
    nodes: float,
    sessions: float,
    heap_bytes: float,
) -> list[str]:
    """Return what is wrong with connection state recovery here: one plain sentence each.

    ``sessions``: that come back at once (a node lost, a deploy); ``heap_bytes`` of one process are
    judged where they are more than 0.
    """
    window = format_duration(WINDOW_S)
    found = []
    if adapter.recovery == "memory":
        kept = packets_kept(publishes_per_s / max(nodes, 1.0))
        if heap_bytes > 0 and kept * entry_bytes > 0.1 * heap_bytes:
            found.append(
                f"Recovery keeps up to {format_size(kept * entry_bytes)} of messages in each process, "
                f"of {format_size(heap_bytes)} of heap: all rooms, for "
                f"{format_duration(WINDOW_S + SWEEP_S)}."
            )
        if sessions > 0 and kept > 0:
            found.append(
                f"Each returning session looks through up to {format_count(round(kept))} messages: "
                f"{format_count(round(kept * sessions))} for {format_count(sessions)} sessions."
            )
    if adapter.recovery == "collection":
        holds = collection_window_s(publishes_per_s, entry_bytes)
        if holds < WINDOW_S:
            found.append(
                f"The capped collection of {format_size(CAPPED_BYTES)} holds {format_duration(holds)} of "
                f"messages, not {window}: it needs {format_size(publishes_per_s * entry_bytes * WINDOW_S)}."
            )
    if adapter.recovery == "stream":
        reaches = stream_window_s(publishes_per_s)
        if reaches < WINDOW_S:
            found.append(
                f"Recovery reaches back {format_duration(reaches)}, not {window}: "
                f"maxLen {format_count(STREAM_ENTRIES)} at {format_count(publishes_per_s)} publishes/s; "
                f"{window} need maxLen {format_count(publishes_per_s * WINDOW_S)}."
            )
        read = restored_bytes(sessions, publishes_per_s, reaches, entry_bytes)
        if read > _MUCH_BYTES:
            found.append(
                f"{format_count(sessions)} sessions that come back at once read up to {format_size(read)} "
                "from one stream: each reads all of it, for every room."
            )
    return found
