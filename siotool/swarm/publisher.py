"""A sender of messages to all, and which of them each receiver has seen."""

from array import array

#: How many sequence numbers a receiver's gap may have and still be remembered for reordering.
_GAP_REMEMBERED = 4096


class Publisher:
    """A sender, and which of its sequence numbers each receiver has seen.

    ``last`` and ``first`` hold, by slot, the highest and the lowest number seen (0: none, or
    from 1 on); ``missing`` those between them that have not come.
    """

    __slots__ = ("first", "forgotten", "last", "missing", "newest", "number", "seq")

    def __init__(self, number: int) -> None:
        self.number = number
        #: The last number this process has sent.
        self.seq = 0
        #: The highest number known, and the highest of those too old to be waited for.
        self.newest = 0
        self.forgotten = 0
        self.first = array("I")
        self.last = array("I")
        self.missing: dict[int, dict[int, None]] = {}

    def previous(self, slot: int) -> int:
        """Last sequence number seen at ``slot``; makes room for it."""
        if slot >= len(self.last):
            more = [0] * (slot + 1 - len(self.last))
            self.first.extend(more)
            self.last.extend(more)
        return self.last[slot]

    def leap(self, slot: int, previous: int, seq: int) -> None:
        """Take a number that is not the next one; those left out are missing."""
        self.last[slot] = seq
        if previous:
            self._miss(slot, previous + 1, seq)
        else:
            # the numbers before the first are unknown until one of them comes
            self.first[slot] = seq

    def fill(self, slot: int, seq: int) -> bool:
        """Take a number below the last one; False when it had been seen."""
        missing = self.missing.get(slot)
        if missing is not None and seq in missing:
            del missing[seq]
            return True
        first = self.first[slot]
        if seq < first:
            self.first[slot] = seq
            self._miss(slot, seq + 1, first)
            return True
        return False

    def clear(self, slot: int) -> None:
        """Forget a slot."""
        if slot < len(self.last):
            self.first[slot] = self.last[slot] = 0
        self.missing.pop(slot, None)

    def clear_all(self) -> None:
        """Forget all slots."""
        self.first, self.last, self.missing = array("I"), array("I"), {}

    def _miss(self, slot: int, begin: int, end: int) -> None:
        if not 0 < end - begin <= _GAP_REMEMBERED:
            return
        missing = self.missing.setdefault(slot, {})
        # the oldest come first; what is too old is lost, not late
        while missing and (oldest := next(iter(missing))) <= self.forgotten:
            del missing[oldest]
        missing.update(dict.fromkeys(range(begin, end)))
