"""The token of a run: who knows it may join, and hears what is said; nobody else can do either.

The parent and its workers speak over ZeroMQ's CURVE (rfc.zeromq.org/spec/26). Whoever connects needs the
listener's public key, which is never sent. Both sides make the listener's keys from the token, so that who
does not know it cannot begin a connection: not a message of theirs is read. It hides what is sent, too.
"""

import secrets
from hashlib import sha256
from typing import Any, NamedTuple

import zmq
from zmq.utils import z85

#: Characters of a token, at least: who records what is sent may try tokens on it.
SHORTEST = 20


class Keys(NamedTuple):
    """The listener's keys, as ZeroMQ wants them."""

    public: bytes
    secret: bytes


def make_token() -> str:
    """Return a token of 256 random bits."""
    return secrets.token_urlsafe(32)


def keys_of(token: str) -> Keys:
    """Return the listener's keys of a token."""
    secret = z85.encode(sha256(b"siotool listener " + token.encode()).digest())
    return Keys(zmq.curve_public(secret), secret)


def listen_with(keys: Keys, socket: Any) -> None:
    """Let nobody connect to a socket without the token; to be called before it is bound."""
    socket.curve_server = True
    socket.curve_secretkey, socket.curve_publickey = keys.secret, keys.public


def call_with(keys: Keys, socket: Any) -> None:
    """Let a socket speak to a listener that knows the token, and to no other; before it connects."""
    socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
    socket.curve_serverkey = keys.public
