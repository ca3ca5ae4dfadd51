"""How much a worker keeps of what a server or a scenario sends it: every bound, in bytes.

A connection has bounds of its own: ``client.fragments.MESSAGE_BYTES``,
``client.pool.WRITE_BUFFER_BYTES``, ``client.connection.CALLS_WAITING``.
Together it takes at most 100 MB whatever its server sends: a message in the buffer it came into (twice
its size), the same put together of fragments or uncompressed, its attachments, and what waits to be sent.
A worker reads one message at a time: the largest, of nothing but empty lists, takes 300 MB as Python's
objects until it was handled (both figures are held by tests/integration/test_hostile.py).

What has no line here is bounded by the load of a run. There is one small record for each user. A
stamped message is kept for a minute (about 500 bytes, and 16 bytes for each delivery since the last
report), and only stamps of this run are tracked. Which messages to all were seen takes 8 bytes for
each pair of a publisher and a receiver; which of those to an audience, one bit of each message of the
last minute for each member. A membership takes about 300 bytes, until a minute after it has ended.
"""

#: Frames that are kept with their meaning, all together. A broadcast is one frame for all users,
#: and decoded once as long as it is kept.
KNOWN_BYTES = 8_000_000
#: What keeping a frame takes beyond its own bytes: 8 MB hold at most 15,625 frames.
KNOWN_ENTRY_BYTES = 512

#: Characters of an event's name that are kept, and names for each kind of operation. Each name
#: takes up to 10 kB in an interval: 2 MB. Past it they are counted together, as ``runfile.OTHER``.
NAME_CHARACTERS = 200
NAMES = 200

#: Nodes that a worker tells apart by a header of theirs. What arrived of a message is reported for each node.
NODES = 100

#: Characters of one remark, and remarks of one kind that a worker makes: with some ten kinds at
#: most 30 kB in a run.
REMARK_CHARACTERS = 300
REMARKS_OF_A_KIND = 3
