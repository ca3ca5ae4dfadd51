"""Which operations of an interval are of which user class."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from siotool.runfile import Operation, UserClass

#: Operations that are counted for all user classes together.
OF_ALL_CLASSES = ("deliver", "custom")


class _Counted(Protocol):
    """An interval of a run, or of one worker."""

    @property
    def operations(self) -> Sequence[Operation]: ...
    @property
    def user_classes(self) -> Sequence[UserClass]: ...
    @property
    def class_operations(self) -> Mapping[str, list[Operation]]: ...


def operations_of_classes(interval: _Counted) -> Mapping[str, list[Operation]]:
    """Return the operations of each user class; where there is only one, all that are counted by class."""
    if interval.class_operations or len(interval.user_classes) != 1:
        return interval.class_operations
    (only,) = interval.user_classes
    return {only.name: [found for found in interval.operations if found.op not in OF_ALL_CLASSES]}
