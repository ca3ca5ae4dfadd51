"""Is the certificate one that clients accept, and for how long?"""

from datetime import UTC, datetime
from time import time

from siotool.printable import one_line
from siotool.probe.finding import Check, Finding
from siotool.probe.known import Known
from siotool.probe.wire import Wire

_SOON_DAYS = 14
_OLD = ("TLSv1", "TLSv1.1", "SSLv3")


async def _look(_: Wire, __: Known) -> float:
    """Seconds since 1970, for what expires."""
    return time()


def _judge(known: Known, now_s: float) -> Finding | None:
    settings, tls = known.settings, known.reached.tls
    if not settings.secure:
        return Finding("tls", "info", "the URL asks for no TLS")
    if tls is None:
        return None
    about = f"{tls.version}, certificate of {one_line(tls.subject, 80) or 'a name we cannot read'}"
    ends = ""
    if tls.expires_s is not None:
        ends = f", valid until {datetime.fromtimestamp(tls.expires_s, UTC):%Y-%m-%d}"
    if tls.distrust:
        seen = f"{about}{ends}: {one_line(tls.distrust)}"
        means = (
            "the certificate is signed by itself: browsers and clients refuse it"
            if tls.self_signed
            else "browsers and clients refuse this certificate"
        )
        if settings.insecure:
            return Finding("tls", "warning", seen, means, "--insecure accepts it; real clients do not")
        do = (
            "trust it with --ca-file FILE, or accept any with --insecure"
            if tls.self_signed
            else "renew or replace it; --ca-file FILE trusts another authority, --insecure accepts any"
        )
        return Finding("tls", "error", seen, means, do)
    if tls.version in _OLD:
        return Finding(
            "tls", "warning", f"{about}{ends}", "newer clients refuse this version", "enable TLS 1.2 and 1.3"
        )
    if tls.expires_s is not None and tls.expires_s - now_s < _SOON_DAYS * 86_400:
        days = (tls.expires_s - now_s) / 86_400
        means = f"the certificate expires in {days:.0f} days"
        return Finding("tls", "warning", f"{about}{ends}", means, "renew it")
    return Finding("tls", "ok", f"{about}{ends}, from {one_line(tls.issuer, 80) or 'an unnamed authority'}")


CHECKS = [Check("tls", "the certificate, its end, and the version of TLS", _judge, _look)]
