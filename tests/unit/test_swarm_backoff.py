from collections import Counter
from random import Random

import pytest

from siotool.swarm.backoff import delay_s

GRID = [(i + 0.5) / 10_000 for i in range(10_000)]


class Chance(Random):
    """A source that always gives the same number."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def random(self):
        return self.value


def delays_ms(failures):
    return [round(delay_s(failures, Chance(value)) * 1000) for value in GRID]


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
    assert delay_s(0, Chance(chance)) == milliseconds / 1000


@pytest.mark.parametrize(
    ("attempt", "share"),
    [
        pytest.param(2, 0.0, id="the second is never capped"),
        pytest.param(3, 0.3, id="the third is exactly 5 s for 30 %"),
        pytest.param(4, 0.9, id="the fourth for 90 %"),
        pytest.param(5, 1.0, id="from the fifth on there is no jitter left"),
        pytest.param(6, 1.0, id="nor later"),
        pytest.param(1_000_000, 1.0, id="nor after a night"),
    ],
)
def test_the_cap_comes_after_the_jitter(attempt, share):
    delays = delays_ms(attempt - 1)
    assert max(delays) <= 5000
    assert sum(delay == 5000 for delay in delays) / len(delays) == share


def test_a_seed_gives_the_same_waits_again():
    one, other = Random("7/3"), Random("7/3")
    assert [delay_s(n, one) for n in range(6)] == [delay_s(n, other) for n in range(6)]
