"""A slow reader, and one that reads nothing any more."""

import asyncio
from types import SimpleNamespace

from siotool.client.polling import _posted_size
from siotool.client.read_rate import ReadRate
from siotool.protocol.engine_io import BinaryMessage


def resumed(*, frozen: bool) -> int:
    """How often a reader that is paid for goes on."""
    done: list[str] = []
    transport = SimpleNamespace(
        is_closing=lambda: False,
        pause_reading=lambda: done.append("pause"),
        resume_reading=lambda: done.append("resume"),
    )

    async def read() -> None:
        rate = ReadRate(transport, None, 1e6)
        rate.read(1000)
        rate.frozen = frozen
        await asyncio.sleep(0.01)

    asyncio.run(read())
    assert done[0] == "pause"
    return done.count("resume")


def test_it_reads_on_once_what_was_read_is_paid_for() -> None:
    assert resumed(frozen=False) == 1


def test_one_that_was_silenced_meanwhile_reads_nothing_any_more() -> None:
    """It went on, so that the silence never ended in a ping timeout."""
    assert resumed(frozen=True) == 0


def test_binary_counts_as_it_is_posted() -> None:
    """Nine messages of 100 kB were one POST of 1.2 MB, which the server refused for its size."""
    assert _posted_size(BinaryMessage(b"x" * 100_000)) == 1 + 133_336
    assert _posted_size(b"4" * 10) == 10
