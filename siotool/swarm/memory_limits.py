"""How much a worker keeps of what a server or a scenario sends it: every bound, in bytes.

What has no line here is bounded by what is asked of a run: a connection's account is one small
record for each user, and a stamped message is kept for a minute (about 500 bytes, and 16 bytes
for each delivery since the last report). Only this run's own stamps open such an account. Which
sequence numbers were seen takes 8 bytes for each pair of a publisher and a receiver.
"""

#: Frames that are remembered by what they turned out to be, all together. A broadcast is one
#: frame for all users, and decoded once as long as it is remembered.
KNOWN_BYTES = 8_000_000
#: What remembering a frame takes beyond its own bytes: 8 MB hold at most 15,625 frames.
KNOWN_ENTRY_BYTES = 512

#: Bytes that wait in one connection because its server does not read. Past it nothing more is
#: sent there (``not_sent``); the last message may go over it.
WRITE_BUFFER_BYTES = 4_000_000
#: The same over all connections of a worker: the more of them wait, the less each may hold.
WRITE_BUFFERS_BYTES = 256_000_000

#: Calls of one connection that wait for their answers, at about 400 bytes each: 4 MB. Past it
#: calls are not sent (``not_sent``).
CALLS_WAITING = 10_000

#: Characters of an event's name that are kept, and names for each kind of operation. Each name
#: takes up to 10 kB in an interval: 2 MB. Past it they are counted together, as ``runfile.OTHER``.
NAME_CHARACTERS = 200
NAMES = 200

#: Characters of one remark, and remarks of one kind that a worker makes: with some ten kinds at
#: most 30 kB in a run.
REMARK_CHARACTERS = 300
REMARKS_OF_A_KIND = 3
