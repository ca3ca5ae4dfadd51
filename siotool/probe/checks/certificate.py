"""Is the certificate one that clients accept, and for how long?"""

from datetime import UTC, datetime
from time import time

from siotool.printable import one_line
from siotool.probe.finding import Check, Finding
from siotool.probe.known import Known, Tls
from siotool.probe.wire import Wire

_SOON_DAYS = 14
_DAY_S = 86_400
_OLD = ("TLSv1", "TLSv1.1", "SSLv3")


async def _look(_: Wire, __: Known) -> float:
    """Seconds since 1970, for what expires."""
    return time()


def _judge(known: Known, now_s: float) -> Finding | None:
    tls = known.reached.tls
    if not known.settings.secure:
        return Finding("tls", "info", "the URL asks for no TLS")
    if tls is None:
        return None
    about = f"{tls.version}, certificate of {one_line(tls.subject, 80) or 'a name we cannot read'}"
    if tls.expires_s is not None:
        about += f", valid until {datetime.fromtimestamp(tls.expires_s, UTC):%Y-%m-%d}"
    if tls.distrust:
        return _distrusted(tls, f"{about}: {one_line(tls.distrust)}", accepted=known.settings.tls.insecure)
    if tls.version in _OLD:
        return Finding("tls", "warning", about, "newer clients refuse this version", "enable TLS 1.2 and 1.3")
    if tls.expires_s is not None and tls.expires_s - now_s < _SOON_DAYS * _DAY_S:
        days = (tls.expires_s - now_s) / _DAY_S
        return Finding("tls", "warning", about, f"the certificate expires in {days:.0f} days", "renew it")
    return Finding("tls", "ok", f"{about}, from {one_line(tls.issuer, 80) or 'an unnamed authority'}")


def _distrusted(tls: Tls, seen: str, *, accepted: bool) -> Finding:
    means = "browsers and clients refuse this certificate"
    if tls.self_signed:
        means = "the certificate is signed by itself: browsers and clients refuse it"
    if accepted:
        return Finding("tls", "warning", seen, means, "give real clients a certificate they accept")
    do = "renew or replace it; --ca-file FILE trusts another authority, --insecure accepts any certificate"
    if tls.self_signed:
        do = "trust it with --ca-file FILE, or accept any certificate with --insecure"
    return Finding("tls", "error", seen, means, do)


CHECKS = [Check("tls", "the certificate, its end, and the version of TLS", _judge, _look)]
