"""The names of the frames of runs, apart from what makes them: pandas takes half a second to import."""

from typing import Literal, TypeAlias

#: The frames of ``RunFrames`` by name.
TableName: TypeAlias = Literal[
    "runs",
    "seconds",
    "operations",
    "connections",
    "failures",
    "servers",
    "workers",
    "user_classes",
    "audiences",
    "losses",
    "notes",
]
