"""Clients whose sizes were measured, beside the one that a plan is for."""

from siotool.plan.wire.framing import Client

#: python-socketio 5.18's AsyncClient on aiohttp 3.14, measured likewise; OpenSSL pads its hello.
PYTHON = Client(
    210,
    234,
    325,
    client_hello_bytes=512,
    auth_bytes=2,
    joins_before_upgrade=False,
    swaps_connections=True,
)
