"""The bench's arithmetic: what two windows, two memory readings and some repetitions say."""

from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Window:
    """A stretch of time and the CPU time used in it, in seconds: by the client, by the whole machine."""

    seconds: float
    cpu_s: float
    machine_cpu_s: float = 0.0


def marginal_cpu_s(loaded: Window, idle: Window, operations: int) -> float:
    """CPU seconds per operation beyond what the same connections cost while nothing happens."""
    return (loaded.cpu_s - idle.cpu_s / idle.seconds * loaded.seconds) / operations


def per_connection(bytes_many: int, many: int, bytes_few: int, few: int) -> float:
    """Bytes that one more idle connection takes."""
    return (bytes_many - bytes_few) / (many - few)


def queued_bytes(table: str, port: int) -> int:
    """Bytes in the kernel that ends of connections to or from ``port`` have not taken yet.

    ``table`` is the text of /proc/net/tcp: addresses as HEX:PORT, then state, then
    ``tx_queue:rx_queue``, all hexadecimal. Listening sockets are left out.
    """
    total = 0
    for line in table.splitlines()[1:]:
        _, local, remote, state, queues = line.split()[:5]
        ports = {int(address.rpartition(":")[2], 16) for address in (local, remote)}
        if port in ports and state != "0A":
            total += sum(int(queue, 16) for queue in queues.split(":"))
    return total


@dataclass(frozen=True)
class Measurement:
    """One figure of one client in one repetition; void when something in ``doubts`` happened.

    ``figure`` is ``delivery`` or ``ack at …/s`` (CPU seconds each) or ``memory`` (bytes per idle
    connection). ``operations`` were counted by the server within the window; ``client_cores``,
    ``server_cores`` and ``other_cores`` (all else on the machine) are CPU seconds per second
    of the loaded window.
    """

    client: str
    figure: str
    value: float
    operations: int = 0
    client_cores: float = 0.0
    server_cores: float = 0.0
    other_cores: float = 0.0
    doubts: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Summary:
    """Median, least and greatest value of the valid repetitions of one figure of one client."""

    client: str
    figure: str
    median: float
    least: float
    greatest: float
    valid: int
    void: int


def summaries(measurements: list[Measurement]) -> list[Summary]:
    """One summary for each client and figure that has a valid repetition, in order of appearance."""
    result = []
    for client, figure in dict.fromkeys((m.client, m.figure) for m in measurements):
        same = [m for m in measurements if (m.client, m.figure) == (client, figure)]
        values = [m.value for m in same if not m.doubts]
        if values:
            result.append(
                Summary(
                    client=client,
                    figure=figure,
                    median=median(values),
                    least=min(values),
                    greatest=max(values),
                    valid=len(values),
                    void=len(same) - len(values),
                )
            )
    return result
