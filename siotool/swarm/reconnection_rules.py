"""How the users of a class come back: the run's options, and what the class says instead."""

from typing import Any

import msgspec

from siotool.errors import ScenarioError
from siotool.protocol.reconnection import Reconnection

#: A class's attributes for the fields of a Backoff.
_BACKOFF = {
    "reconnection_delay": "delay_s",
    "reconnection_delay_max": "delay_max_s",
    "randomization_factor": "jitter",
}


def rule_of(user_class: type[Any], rule: Reconnection) -> Reconnection:
    """The rule of a user class, where ``rule`` is the run's. Raises ScenarioError for what cannot be."""
    said = {
        field: value
        for name, field in _BACKOFF.items()
        if (value := getattr(user_class, name, None)) is not None
    }
    changed: dict[str, Any] = {}
    if said:
        changed["backoff"] = msgspec.structs.replace(rule.backoff, **said)
    for name, field in (("reconnection", "enabled"), ("reconnection_attempts", "attempts")):
        if (value := getattr(user_class, name, None)) is not None:
            changed[field] = value
    if not changed:
        return rule
    found = msgspec.structs.replace(rule, **changed)
    if problem := found.problem:
        raise ScenarioError(f"{user_class.__name__}: {problem}")
    return found
