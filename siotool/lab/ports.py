"""Free ports of loopback that nobody is given unasked."""

import random
import socket
from collections.abc import Collection
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
#: Below it are services; systems without the file lend outgoing connections ports from 49152 on.
_LOWEST, _LENT = 10_000, 49_152


def free_ports(count: int, but: Collection[int] = ()) -> list[int]:
    """Return so many different ports that are free now, and not among some that others are to have.

    They are outside of the range that the kernel lends to outgoing connections, so that a load cannot take
    one before its program does.
    """
    try:
        highest = int(_RANGE.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        highest = _LENT
    lowest = _LOWEST if highest > _LOWEST + 1000 else 1024
    numbers = range(lowest, max(highest, 65_536 if highest <= lowest + 1000 else highest))
    found: list[int] = []
    for port in random.sample(numbers, len(numbers)):
        if len(found) == count:
            break
        if port not in but and _is_free(port):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as trial:
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
