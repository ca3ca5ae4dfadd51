from collections import Counter

import pytest

from siotool.protocol.backoff import OFFICIAL, Backoff, delay_s

GRID = [(i + 0.5) / 10_000 for i in range(10_000)]


def delays_ms(failures):
    return [round(delay_s(failures, value, OFFICIAL) * 1000) for value in GRID]


def test_the_first_wait_lies_in_ten_bands_with_gaps_between():
    delays = delays_ms(0)
    assert (min(delays), max(delays)) == (551, 1499)
    bands = Counter((delay - 1) // 50 if delay <= 1000 else delay // 50 for delay in delays)
    assert len(bands) == 10
    assert set(bands.values()) == {1000}, "a tenth each"
    assert not any(1000 < delay < 1050 for delay in delays)


@pytest.mark.parametrize(
    ("chance", "milliseconds"),
    [
        pytest.param(0.0, 1000, id="no deviation"),
        pytest.param(0.0999, 951, id="an even tenth comes earlier"),
        pytest.param(0.1, 1050, id="an odd tenth comes later"),
        pytest.param(0.55, 1275, id="by half of the chance"),
        pytest.param(0.8999, 551, id="the earliest"),
        pytest.param(0.9999, 1499, id="the latest"),
    ],
)
def test_one_number_sets_both_size_and_direction(chance, milliseconds):
    assert delay_s(0, chance, OFFICIAL) == milliseconds / 1000


@pytest.mark.parametrize(
    ("attempt", "share"),
    [
        pytest.param(2, 0.0, id="the second is never capped"),
        pytest.param(3, 0.3, id="the third is exactly 5 s for 30 %"),
        pytest.param(4, 0.9, id="the fourth for 90 %"),
        pytest.param(5, 1.0, id="from the fifth on there is no jitter left"),
        pytest.param(6, 1.0, id="nor later"),
        pytest.param(1015, 1.0, id="nor after an hour"),
    ],
)
def test_the_cap_comes_after_the_jitter(attempt, share):
    delays = delays_ms(attempt - 1)
    assert max(delays) <= 5000
    assert sum(delay == 5000 for delay in delays) / len(delays) == share


def test_beyond_what_the_clients_numbers_hold_half_of_the_waits_are_nothing():
    """Infinity less infinity is not a number, and `NaN | 0` is 0: so does the client after 85 minutes."""
    for failures in (1015, 1016, 1_000_000):
        delays = delays_ms(failures)
        assert {delays.count(0), delays.count(5000)} == {5000}


@pytest.mark.parametrize(
    ("failures", "backoff", "milliseconds"),
    [
        pytest.param(0, Backoff(delay_s=0.25), 192, id="reconnectionDelay"),
        pytest.param(9, Backoff(delay_max_s=60), 60_000, id="reconnectionDelayMax"),
        pytest.param(2, Backoff(jitter=0.1), 3812, id="randomizationFactor"),
        pytest.param(1, Backoff(jitter=0), 2000, id="no jitter"),
        pytest.param(5000, Backoff(jitter=0), 5000, id="no jitter, and no end of the numbers either"),
        pytest.param(1015, Backoff(jitter=5e-324), 0, id="a jitter too small to count times infinity"),
        pytest.param(1, Backoff(factor=3, jitter=0), 3000, id="factor"),
        pytest.param(1, Backoff(factor=1.0005, jitter=0), 1000, id="whole milliseconds, rounded down"),
        pytest.param(3, Backoff(delay_s=9), 5000, id="a delay above its own cap"),
    ],
)
def test_the_options_of_the_client(failures, backoff, milliseconds):
    assert delay_s(failures, 0.47, backoff) == milliseconds / 1000
