"""The queries of a Grafana dashboard, and the metric names in them."""

import re
from collections.abc import Collection, Iterator
from typing import Any

#: Words of PromQL that look like names; what stands in braces, brackets and quotes is cut before.
_WORDS = {
    "by", "sum", "max", "rate", "histogram_quantile", "le", "op", "name", "kind", "outcome", "direction",
    "worker", "server", "label_values", "clamp_min", "run", "on", "ignoring", "group_left",
}  # fmt: skip


def queries_of(dashboard: Any) -> list[str]:
    """Every query of every panel."""
    return list(_queries(dashboard))


def _queries(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for one in part:
            yield from _queries(one)
    elif isinstance(part, dict):
        for key, one in part.items():
            if key == "expr":
                yield one
            else:
                yield from _queries(one)


def names_in(query: str) -> set[str]:
    """The names of metrics that a query asks for."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]', " ", query)
    return {word for word in re.findall(r"[a-zA-Z_][a-zA-Z0-9_]*", bare) if word not in _WORDS}


def unknown_names(queries: Collection[str], known: Collection[str]) -> dict[str, set[str]]:
    """Queries that ask for something else than ``known`` names, and for what."""
    return {query: missing for query in queries if (missing := names_in(query) - set(known))}
