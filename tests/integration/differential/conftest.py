"""The official clients, in one process for all tests of a module."""

from collections.abc import Iterator

import pytest

from tests.integration.differential.peers import Official


@pytest.fixture(scope="module")
def official() -> Iterator[Official]:
    """Node.js with the official clients of Socket.IO 2, 3 and 4."""
    one = Official()
    yield one
    one.stop()
