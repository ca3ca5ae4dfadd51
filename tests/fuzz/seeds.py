"""Inputs to begin with: what real servers send, for each reader."""

import zlib

import msgspec

from tests.fuzz.harness import CUT


def deflated(*messages: bytes) -> bytes:
    """Messages of one connection, as permessage-deflate has them."""
    packer = zlib.compressobj(wbits=-15)
    return CUT.join((packer.compress(one) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4] for one in messages)


def finished(message: bytes) -> bytes:
    """A message whose last block says so."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(message) + packer.flush()


_TEXT = [
    b't40{"sid":"socket","pid":"p"}',
    b't40/admin,{"sid":"other"}',
    b't42["chat message",{"text":"~s1.0e1b2c3d.2.3.2625a0.f4240~ hello","n":[1,-2.5e3,null,true]}]',
    b't42/admin?a=1,12["\xe2\x82\xac\\u20ac\\ud83d\\ude00"]',
    b't4312["ok"]',
    b't44{"message":"Not authorized","data":{"code":1}}',
    b't452-["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]' + CUT + b"bx" + CUT + b"by",
    b't461-/admin,1[{"_placeholder":true,"num":0}]' + CUT + b"bz",
    b"t41" + CUT + b"t1" + CUT + b"t2" + CUT + b"t3probe" + CUT + b"t5" + CUT + b"t6",
]
_PACKETS = [
    {"type": 0, "data": {"sid": "socket"}, "nsp": "/"},
    {"type": 2, "data": ["event", b"bytes", {"n": 1.5}], "options": {"compress": True}, "nsp": "/"},
    {"type": 3, "data": ["ok"], "id": 7, "nsp": "/admin"},
    {"type": 4, "data": {"message": "no"}, "nsp": "/"},
]
_MSGPACK = [b"b" + msgspec.msgpack.encode(packet) for packet in _PACKETS]
_COOKIES = (
    b"lb=a1; Path=/; HttpOnly\r\nold=; Max-Age=0\r\nlater=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT\r\n"
    b"gone=1; expires=Thu, 01 Jan 1970 00:00:00 GMT"
)

SEEDS: list[bytes] = [
    *(bytes((reader,)) + CUT.join([*_TEXT[:2], one]) for reader in (0, 1) for one in _TEXT),
    *(bytes((reader,)) + CUT.join([*_MSGPACK[:1], one]) for reader in (2, 3) for one in _MSGPACK),
    b'\x0342{"type":0,"nsp":"/"}',
    b'\x042\x1e42["a",1]\x1ebAQID\x1e6',
    b'\x0510:42["a",1]x2:2x6:b4AQID',
    b'\x05\x00\x01\x00\xff42["a",1]\x01\x04\xff\x04\x01\x02\x03',
    b"\x05\x00\x03\xff42[",
    b'\x06___eio[0]("42[\\"a\\"]\\u001e6");',
    b'\x07{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}',
    b"\x08~s1.0e1b2c3d.2.3.2625a0.f4240~",
    b"\x09" + deflated(b'42["a"]', b'42["b","' + b"x" * 300 + b'"]'),
    b"\x09" + finished(b'42["a"]') + CUT + finished(b"2"),
    b"\x0apermessage-deflate; server_no_context_takeover; client_max_window_bits=12",
    b"\x0b" + _COOKIES,
    b"\x0c\x03\xf1too large",
]
