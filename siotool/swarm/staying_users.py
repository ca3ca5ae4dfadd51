"""Spares Python's garbage collector the users that stay: all that they hold is in use."""

import gc

#: So many more users than there were are set aside at once.
_AT_ONCE = 500


class StayingUsers:
    """What users hold is set aside as they become more, and looked at again once half of them have left."""

    def __init__(self) -> None:
        self._aside = 0

    def look(self, users: int) -> None:
        """There are so many users now; call it every second or so."""
        if users >= self._aside + _AT_ONCE:
            gc.freeze()
            self._aside = users
        elif self._aside and users <= self._aside / 2:
            gc.unfreeze()
            self._aside = users  # those that are left are set aside with the next ones
