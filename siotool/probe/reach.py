"""Reaching a target: its name, its port, its certificate. No HTTP is spoken yet."""

import asyncio
import errno
import socket
import ssl
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from types import MappingProxyType
from typing import Any

from siotool.probe.known import Reached, Tls
from siotool.probe.probe_settings import ProbeSettings
from siotool.probe.wire import trusting

_BY_ERRNO = MappingProxyType(
    {
        errno.ECONNREFUSED: "refused",
        errno.EHOSTUNREACH: "unreachable",
        errno.ENETUNREACH: "unreachable",
        errno.ETIMEDOUT: "timeout",
    }
)
#: How long an address is tried before the next one is too: the Connection Attempt Delay of RFC 8305 §8.
_HEAD_START_S = 0.25
#: X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT and X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN of OpenSSL.
_SELF_SIGNED = (18, 19)

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def reach(settings: ProbeSettings) -> Reached:
    """Look the host up, connect, and shake hands over TLS where the URL asks for it."""
    try:
        async with asyncio.timeout(settings.timeout_s):
            addresses = await _look_up(settings)
    except TimeoutError:
        return Reached(failure="dns", detail="the name service did not answer")
    except (OSError, UnicodeError) as error:
        return Reached(failure="dns", detail=_plain(error))
    start = monotonic()
    try:
        async with asyncio.timeout(settings.timeout_s):
            address, writer = await _connect(addresses, settings.port)
    except TimeoutError:
        return Reached(addresses, failure="timeout", detail=f"no answer within {settings.timeout_s:g} s")
    except OSError as error:
        return Reached(addresses, failure=_name(error), detail=_plain(error))
    seconds = monotonic() - start
    await _close(writer)
    failure, detail, tls = "", "", None
    if settings.secure:
        try:
            tls = await _greet(settings, address)
        except TimeoutError:
            failure, detail = "tls", f"no TLS handshake within {settings.timeout_s:g} s"
        except OSError as error:  # ssl.SSLError is one
            failure, detail = "tls", _plain(error)
    return Reached(addresses, seconds, failure, detail, tls)


async def _look_up(settings: ProbeSettings) -> list[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def _connect(addresses: Sequence[str], port: int) -> tuple[str, asyncio.StreamWriter]:
    """The first address that answers, and a connection to it. Raises OSError where none does.

    Each has a head start before the next one, as browsers and the probe's requests do it.
    """
    waiting = list(addresses)
    trying: dict[asyncio.Task[_Streams], str] = {}
    errors: list[OSError] = []
    try:
        while waiting or trying:
            if waiting:
                task = asyncio.create_task(asyncio.open_connection(waiting[0], port))
                trying[task] = waiting.pop(0)
            limit_s = _HEAD_START_S if waiting else None
            done, _ = await asyncio.wait(trying, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                address = trying.pop(task)
                try:
                    return address, task.result()[1]
                except OSError as error:
                    errors.append(error)
    finally:
        for task in trying:
            task.cancel()
        for found in await asyncio.gather(*trying, return_exceptions=True):
            if not isinstance(found, BaseException):
                found[1].transport.abort()
    raise next((error for error in errors if error.errno == errno.ECONNREFUSED), errors[0])


async def speaks_tls(settings: ProbeSettings) -> bool:
    """Whether the port shakes hands over TLS, whatever its certificate."""
    with suppress(OSError, TimeoutError):  # ssl.SSLError is an OSError
        async with asyncio.timeout(settings.timeout_s):
            address, writer = await _connect(await _look_up(settings), settings.port)
        await _close(writer)
        await _handshake(settings, address, trusting(settings, anyone=True))
        return True
    return False


def _name(error: OSError) -> str:
    """The class of a failed connect."""
    return _BY_ERRNO.get(error.errno or 0, "unreachable")


def _plain(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).replace("_", " ").lower()
    return getattr(error, "strerror", "") or str(error) or type(error).__name__


async def _greet(settings: ProbeSettings, address: str) -> Tls:
    """The TLS of a connection; raises what a handshake without any check of certificates does."""
    distrust, self_signed = "", False
    try:
        version, certificate, binary = await _handshake(settings, address, trusting(settings))
        if certificate:
            return _tls(version, certificate)
    except ssl.SSLCertVerificationError as error:
        distrust, self_signed = error.verify_message, error.verify_code in _SELF_SIGNED
    if not distrust:  # --insecure: find out what it hides
        with suppress(TimeoutError):
            try:
                await _handshake(settings, address, ssl.create_default_context())
            except ssl.SSLCertVerificationError as error:
                distrust, self_signed = error.verify_message, error.verify_code in _SELF_SIGNED
    version, _, binary = await _handshake(settings, address, trusting(settings, anyone=True))
    with suppress(ssl.SSLError, OSError, TimeoutError):  # an expired one is not read
        _, certificate, _ = await _handshake(settings, address, _trusting_only(binary))
        return _tls(version, certificate, distrust, self_signed)
    return Tls(version, distrust=distrust, self_signed=self_signed)


async def _handshake(
    settings: ProbeSettings, address: str, context: ssl.SSLContext
) -> tuple[str, Any, bytes]:
    async with asyncio.timeout(settings.timeout_s):
        _, writer = await asyncio.open_connection(
            address, settings.port, ssl=context, server_hostname=settings.server_name
        )
    channel: ssl.SSLObject = writer.get_extra_info("ssl_object")
    found = channel.version() or "", channel.getpeercert(), channel.getpeercert(True) or b""
    await _close(writer)
    return found


def _trusting_only(certificate: bytes) -> ssl.SSLContext:
    """Accept just this certificate, so that the library reads it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(ssl.DER_cert_to_PEM_cert(certificate))
        file.flush()
        context.load_verify_locations(file.name)
    return context


def _tls(version: str, certificate: Any, distrust: str = "", self_signed: bool = False) -> Tls:
    def name(field: str) -> str:
        parts = dict(pair for rdn in certificate.get(field, ()) for pair in rdn)
        return str(parts.get("commonName") or parts.get("organizationName") or "")

    ends = certificate.get("notAfter")
    expires = float(ssl.cert_time_to_seconds(ends)) if ends else None
    return Tls(version, name("subject"), name("issuer"), expires, distrust, self_signed)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with suppress(OSError, ssl.SSLError):
        await writer.wait_closed()
