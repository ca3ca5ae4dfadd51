"""Protocol errors, of the server or of ours."""


class ProtocolError(Exception):
    """The conversation cannot go on."""


class RemoteProtocolError(ProtocolError):
    """The server sent something that the protocol does not allow."""


class LocalProtocolError(ProtocolError):
    """We tried to send something that the protocol or the session's state does not allow."""


class TooLargeError(RemoteProtocolError):
    """The server sent more at once than is taken."""
