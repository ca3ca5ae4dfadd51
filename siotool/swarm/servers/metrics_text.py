"""Prometheus text, of which only the lines that are wanted are read: the rest may be anything."""

import math
import re
from collections.abc import Collection, Iterator

import msgspec
from prometheus_client.parser import text_string_to_metric_families

_TYPE = re.compile(r"#\s*TYPE\s+(\S+)\s+(\S+)")
_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*(?=[{ \t])")
#: Larger values are no figure of a server, and no float is exact beyond.
_MOST = 2.0**53


class MetricSample(msgspec.Struct, frozen=True):
    """One sample: a finite value, not negative."""

    name: str
    labels: dict[str, str]
    value: float

    @property
    def series(self) -> str:
        """What tells this series from others of its name."""
        return repr(sorted(self.labels.items()))


class MetricsPage(msgspec.Struct, frozen=True):
    """The samples that were wanted, the types that the page gives, and how many lines could not be read."""

    samples: dict[str, list[MetricSample]]
    types: dict[str, str]
    unreadable: int

    def grows(self, name: str) -> bool:
        """Whether a metric is a counter: by its type, or by its name."""
        return self.declares(name) or (self._type(name) != "gauge" and name.endswith("_total"))

    def declares(self, name: str) -> bool:
        """Whether the page says it is a counter; one with labels has no sample before its first event."""
        return self._type(name) == "counter"

    def _type(self, name: str) -> str | None:
        return self.types.get(name) or self.types.get(name.removesuffix("_total"))


def read_page(text: str, wanted: Collection[str]) -> MetricsPage:
    """Read the samples of some metrics. A line that is none is counted and left out."""
    samples: dict[str, list[MetricSample]] = {}
    types: dict[str, str] = {}
    unreadable = 0
    for line in text.split("\n"):
        if line.startswith("#"):
            found = _TYPE.match(line)
            if found is not None:
                types[found[1]] = found[2]
            continue
        name = _NAME.match(line)
        if name is None or name[0] not in wanted:
            continue
        try:
            for sample in _samples(line):
                samples.setdefault(sample.name, []).append(sample)
        except (ValueError, IndexError, KeyError, TypeError):  # what the parser raises for what is no sample
            unreadable += 1
    return MetricsPage(samples, types, unreadable)


def names_of(text: str) -> list[str]:
    """Return the names of all metrics of a page, in their order."""
    found = (_NAME.match(line) for line in text.split("\n"))
    return list(dict.fromkeys(name[0] for name in found if name is not None))


def _samples(line: str) -> Iterator[MetricSample]:
    for family in text_string_to_metric_families(line + "\n"):
        for sample in family.samples:
            if math.isfinite(sample.value) and 0 <= sample.value <= _MOST:
                yield MetricSample(sample.name, sample.labels, float(sample.value))
