"""The parsers of packets, by name."""

from siotool.client.choices import ParserName
from siotool.protocol import json_parser, msgpack_parser, msgpack_parser_2
from siotool.protocol.engine_io import Revision
from siotool.protocol.socket_io import Parser


def parser_of(name: ParserName, revision: Revision) -> Parser:
    """The parser of this name for servers of this revision of Engine.IO."""
    if name == "json":
        return json_parser
    return msgpack_parser if revision == 4 else msgpack_parser_2
