"""What a run on several machines is told of them before they join."""

import msgspec


class Distributed(msgspec.Struct, frozen=True):
    """Load from other machines: so many workers join at an address of this one, with a token.

    ``within_s``: how long they may take. ``quiet``: they are awaited without a word.
    """

    workers: int
    host: str
    port: int
    token: str
    within_s: float
    quiet: bool = False
