import pytest

from siotool.report.moments import minute


@pytest.mark.parametrize(
    ("started_at", "shown"),
    [
        pytest.param("2026-01-02T03:04:05Z", "2026-01-02 03:04 UTC", id="UTC"),
        pytest.param("2026-01-02T03:04:05+03:30", "2026-01-01 23:34 UTC", id="another zone"),
        pytest.param("yesterday", "yesterday", id="no time"),
        pytest.param("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00", id="before the first day"),
        pytest.param("9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59-12:00", id="after the last day"),
    ],
)
def test_a_time_is_shown_to_the_minute_or_as_it_is(started_at, shown):
    """Times that UTC has no year for were a bug of siotool (exit 1)."""
    assert minute(started_at, " UTC") == shown
