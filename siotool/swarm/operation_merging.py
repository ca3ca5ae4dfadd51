"""Operations of several lists as one: one entry for each kind and name."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from siotool.histogram import Sparse, merged
from siotool.runfile import Operation
from siotool.runs.classes import OF_ALL_CLASSES


def merged_operations(lists: Iterable[list[Operation]]) -> list[Operation]:
    """One operation for each kind and name, in the order of appearance."""
    groups: dict[tuple[str, str], list[Operation]] = defaultdict(list)
    for operations in lists:
        for operation in operations:
            groups[operation.op, operation.name].append(operation)
    return [group[0] if len(group) == 1 else _one_of(group) for group in groups.values()]


def _one_of(group: list[Operation]) -> Operation:
    errors: dict[str, int] = {}
    for operation in group:
        for kind, count in operation.errors.items():
            errors[kind] = errors.get(kind, 0) + count
    return Operation(
        op=group[0].op,
        name=group[0].name,
        count=sum(operation.count for operation in group),
        errors=errors,
        response=merged(operation.response for operation in group).sparse(),
        service=merged(operation.service for operation in group).sparse(),
        given_up=merged(operation.given_up for operation in group).sparse(),
    )


def operations_by_class(parts: Iterable[Mapping[str, list[Operation]]]) -> dict[str, list[Operation]]:
    """The operations of each user class, of several places or workers."""
    found: dict[str, list[list[Operation]]] = defaultdict(list)
    for part in parts:
        for name, operations in part.items():
            found[name].append(operations)
    return {name: merged_operations(lists) for name, lists in found.items()}


def without_service(operations: Iterable[Operation]) -> list[Operation]:
    """Those that are counted by class, without their service times: as a run file holds them by class."""
    return [
        Operation(found.op, found.name, found.count, found.errors, found.response, Sparse(), found.given_up)
        for found in operations
        if found.op not in OF_ALL_CLASSES
    ]
