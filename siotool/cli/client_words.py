"""The words of options that say how clients connect."""

from enum import StrEnum


class EngineIo(StrEnum):
    """Revisions of Engine.IO."""

    THREE = "3"
    FOUR = "4"
    AUTO = "auto"


class Encoding(StrEnum):
    """Parsers of Socket.IO."""

    JSON = "json"
    MSGPACK = "msgpack"


class WireClient(StrEnum):
    """Clients that users have."""

    NATIVE = "native"
    REFERENCE = "reference"
