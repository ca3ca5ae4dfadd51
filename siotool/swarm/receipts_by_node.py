"""Parts what arrived of a message by the nodes of its receivers.

A node is the server process that holds a connection (``nodes``).
"""

from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from siotool.swarm.nodes import UNKNOWN
from siotool.swarm.worker_report import Receipt


def parted(
    whole: Receipt, due: Sequence[str], excused: Sequence[str] = (), expected: Sequence[str] = ()
) -> list[Receipt]:
    """One receipt for each node, of a receipt of all; just that one where no node is known.

    ``due`` has the node of each delay, in their order; ``excused`` those of members for which it is not due
    any more; ``expected`` of those for which it is due in addition. What was not due is told with the first.
    """
    names = list(dict.fromkeys((*due, *excused, *expected)))
    if all(name == UNKNOWN for name in names):
        return [whole]
    came, wanted = Counter(due), Counter(expected)
    came.subtract(excused)
    places = {name: number for number, name in enumerate(names)}
    place_of = np.fromiter((places[name] for name in due), dtype=np.int64, count=len(due))
    delays = np.frombuffer(whole.delays, dtype="<f4")
    parts = [
        Receipt(
            whole.publisher,
            whole.seq,
            came[name],
            0,
            delays[place_of == place].tobytes() if len(delays) else b"",
            audience=whole.audience,
            expected=wanted[name],
            node=name,
        )
        for name, place in places.items()
    ]
    parts[0] = msgspec.structs.replace(
        parts[0],
        undue=whole.undue,
        duplicate=whole.duplicate,
        reordered=whole.reordered,
        misdelivered=whole.misdelivered,
    )
    return parts
