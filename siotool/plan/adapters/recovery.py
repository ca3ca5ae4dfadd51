"""Connection state recovery: what it keeps, for how long it really works, and what a restore reads.

Socket.IO documents a window of 120 s (``maxDisconnectionDuration``, socketio/socket.io
packages/socket.io/lib/index.ts). What an adapter keeps is often less, and once it is asked for
by everybody at the same moment, it is a lot to read.
"""

import msgspec

from siotool.plan.adapters.laws import Adapter
from siotool.plan.numbers import divide, minimum
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


class MemoryRecovery(msgspec.Struct, frozen=True, kw_only=True):
    """What recovery in one process's memory costs.

    ``packets``: kept at most; ``heap_bytes``: what they hold; ``scanned_per_restore``: packets
    looked at for each returning session; ``storm_cpu_s``: seconds of its core for all of them.
    """

    packets: float
    heap_bytes: float
    scanned_per_restore: float
    storm_cpu_s: float


class StreamRecovery(msgspec.Struct, frozen=True, kw_only=True):
    """What recovery from a Redis stream gives.

    ``window_s``: the real window, at most the configured one; ``needed_entries``: the maxLen for the
    whole of that; ``kept_bytes``: what the stream holds.
    """

    window_s: float
    needed_entries: float
    kept_bytes: float


class RestoreStorm(msgspec.Struct, frozen=True, kw_only=True):
    """What many returning sessions read from the stream.

    ``entries_each`` and ``bytes_each`` per session, over all ``bytes``; ``commands`` to Redis;
    ``read_s``: seconds at the rate given; ``decode_cpu_s``: seconds of CPU over all nodes.
    """

    entries_each: float
    bytes_each: float
    bytes: float
    commands: float
    read_s: float
    decode_cpu_s: float


def memory_recovery(
    packets_per_s: float,
    packet_bytes: float,
    *,
    returning: float = 0.0,
    scan_s: float = 0.0,
    window_s: float = WINDOW_S,
) -> MemoryRecovery:
    """Return what one process keeps and what restoring ``returning`` sessions costs it.

    ``packets_per_s``: events of this process that are neither volatile nor acknowledged, to whatever
    room, one session's included. They stay for the window and up to a sweep longer: 180 s. A
    restore walks over them one by one, first to find the offset, then to pick what the
    session's rooms were sent; ``scan_s`` is the CPU for one packet of that walk.
    """
    packets = packets_per_s * (window_s + SWEEP_S)
    return MemoryRecovery(
        packets=packets,
        heap_bytes=packets * packet_bytes,
        scanned_per_restore=packets,
        storm_cpu_s=packets * returning * scan_s,
    )


def stream_recovery(
    entries_per_s: float,
    entry_bytes: float = 0.0,
    *,
    max_len: float = STREAM_ENTRIES,
    window_s: float = WINDOW_S,
) -> StreamRecovery:
    """Return the real window of one stream that takes ``entries_per_s``, of all its namespaces.

    min(window, maxLen/M). 120 s need maxLen ≥ 120·M: the default of 10,000 is enough up to 83
    entries per second, at 200 it is 50 s, at 1,000 it is 10 s. Trimming is approximate ("~"):
    up to a node of the stream, 100 entries by default, may stay longer.
    """
    return StreamRecovery(
        window_s=minimum(window_s, divide(max_len + 0.0 * entries_per_s, entries_per_s)),
        needed_entries=entries_per_s * window_s,
        kept_bytes=max_len * entry_bytes,
    )


def collection_window_s(
    entries_per_s: float, entry_bytes: float, *, capped_bytes: float = CAPPED_BYTES
) -> float:
    """Return for how many seconds a capped MongoDB collection holds messages and sessions.

    The mongo adapter compares no time (``restoreSession``): what the collection still holds can be
    restored. The README's 1 MB holds 10 s of 200 entries of 500 bytes per second.
    """
    return divide(capped_bytes + 0.0 * entries_per_s, entries_per_s * entry_bytes)


def restore_storm(
    returning: float,
    entries_per_s: float,
    away_s: float,
    entry_bytes: float,
    *,
    max_len: float = STREAM_ENTRIES,
    read_bytes_per_s: float = 0.0,
    decode_s: float = 0.0,
) -> RestoreStorm:
    """Return what ``returning`` sessions, each ``away_s`` away, read from one stream.

    A restore reads everything after the session's offset, for whatever room, by XRANGE without a
    COUNT, until a read comes back empty (at most 100; "FIXME" in the source), beside GETDEL of the
    session and a look for the offset: 4 commands. Its node decodes the namespace's entries before
    it looks at the rooms. 50,000 sessions × 10,000 entries × 300 bytes are 150 GB from one Redis.

    ``read_bytes_per_s``: what Redis can send (0: ``read_s`` is infinite); ``decode_s``: CPU per entry.
    """
    entries = minimum(max_len, entries_per_s * away_s)
    total = returning * entries * entry_bytes
    return RestoreStorm(
        entries_each=entries,
        bytes_each=entries * entry_bytes,
        bytes=total,
        commands=4.0 * returning,
        read_s=divide(total, read_bytes_per_s),
        decode_cpu_s=returning * entries * decode_s,
    )


def lint(
    adapter: Adapter,
    *,
    publishes_per_s: float,
    entry_bytes: float,
    nodes: float = 1.0,
    sessions: float = 0.0,
    max_len: float = STREAM_ENTRIES,
    window_s: float = WINDOW_S,
    capped_bytes: float = CAPPED_BYTES,
    heap_bytes: float = 0.0,
    read_bytes_per_s: float = 0.0,
) -> list[str]:
    """Return what is wrong with connection state recovery here: one plain sentence each.

    ``sessions``: that come back at once (a node lost, a deploy); ``heap_bytes`` of one process and
    ``read_bytes_per_s`` of the backend are judged where given; ``capped_bytes`` 0: a TTL index.
    """
    if adapter.recovery == "none":
        return [f"{adapter.name}: connection state recovery is {adapter.recovery_window}"]
    if adapter.recovery == "memory":
        kept = memory_recovery(publishes_per_s / max(nodes, 1.0), entry_bytes, window_s=window_s)
        found = []
        if heap_bytes > 0 and kept.heap_bytes > 0.1 * heap_bytes:
            found.append(
                f"Recovery keeps up to {format_size(kept.heap_bytes)} of messages in each process, "
                f"of {format_size(heap_bytes)} of heap: all rooms, for "
                f"{format_duration(window_s + SWEEP_S)}."
            )
        if sessions > 0 and kept.packets > 0:
            found.append(
                f"Each returning session looks through up to {format_count(round(kept.packets))} messages: "
                f"{format_count(round(kept.packets * sessions))} for {format_count(sessions)} sessions."
            )
        return found
    if adapter.recovery == "collection":
        holds = collection_window_s(publishes_per_s, entry_bytes, capped_bytes=capped_bytes)
        if capped_bytes > 0 and holds < window_s:
            return [
                f"The capped collection of {format_size(capped_bytes)} holds {format_duration(holds)} of "
                f"messages, not {format_duration(window_s)}: it needs "
                f"{format_size(publishes_per_s * entry_bytes * window_s)}."
            ]
        return []
    return _stream_lint(publishes_per_s, entry_bytes, sessions, max_len, window_s, read_bytes_per_s)


def _stream_lint(
    publishes_per_s: float,
    entry_bytes: float,
    sessions: float,
    max_len: float,
    window_s: float,
    read_bytes_per_s: float,
) -> list[str]:
    found = []
    stream = stream_recovery(publishes_per_s, entry_bytes, max_len=max_len, window_s=window_s)
    if stream.window_s < window_s:
        found.append(
            f"Recovery reaches back {format_duration(stream.window_s)}, not {format_duration(window_s)}: "
            f"maxLen {format_count(max_len)} at {format_count(publishes_per_s)} publishes/s; "
            f"{format_duration(window_s)} need maxLen {format_count(stream.needed_entries)}."
        )
    storm = restore_storm(
        sessions,
        publishes_per_s,
        stream.window_s,
        entry_bytes,
        max_len=max_len,
        read_bytes_per_s=read_bytes_per_s,
    )
    if storm.bytes > max(1e9, 10.0 * read_bytes_per_s):
        takes = f", {format_duration(storm.read_s)} at the rate it can send" if read_bytes_per_s > 0 else ""
        found.append(
            f"{format_count(sessions)} sessions that come back at once read up to {format_size(storm.bytes)} "
            f"from one stream{takes}: each reads all of it, for every room."
        )
    return found
