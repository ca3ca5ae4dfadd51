"""The probability of any false alarm, over all metrics of a comparison together."""

from collections.abc import Sequence


def adjusted(p_values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Holm's step-down p-values with weights, which add up to 1.

    However many metrics there are and however they hang together, the probability that any of those
    without a true effect is at most α stays below α (S. Holm, "A simple sequentially rejective multiple
    test procedure", Scandinavian Journal of Statistics 6, 1979, §4).
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i] / weights[i])
    found, left, largest = [0.0] * len(p_values), sum(weights), 0.0
    for i in order:
        largest = max(largest, min(1.0, p_values[i] * left / weights[i]))
        found[i] = largest
        left -= weights[i]
    return found
