"""Official clients offer permessage-deflate, ours do not: a report says so where it makes a difference."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("over", "said"),
    [
        pytest.param(128, True, id="a server that compresses"),
        pytest.param(0, False, id="a server that does not, as installed"),
    ],
)
def test_a_report_says_that_the_server_would_have_compressed(
    node_server: Callable[..., Any], loadtest: Callable[..., Any], over: int, said: bool
) -> None:
    server = node_server(deflate_over=over)
    done = loadtest(
        server.url, "--scenario", "chat", "--users", "10", "--run-time", "2s", "--set", "size=300"
    )
    assert done.run.header.compression is said
    assert any("permessage-deflate" in remark for remark in done.report["remarks"]) is said
    assert done.report["delivery"]["lost"] == 0
