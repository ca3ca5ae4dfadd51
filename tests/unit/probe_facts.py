"""Facts of made-up targets, for what the probe concludes from them."""

from typing import Any

from siotool.client.choices import TlsOptions
from siotool.client.identity import Identity
from siotool.probe.joins import Join, Joins
from siotool.probe.known import Known, Polled, Reached, Tls, Upgraded
from siotool.probe.opening import Opening
from siotool.probe.probe_settings import ProbeSettings
from siotool.probe.reply import Reply
from siotool.protocol.engine_io import Handshake
from siotool.workload import Target

URL = "http://chat.example.org"


def opening(revision: Any = 4, interval: float = 25_000, largest: float | None = 1e6) -> Opening:
    """A session that offers an upgrade."""
    return Opening(revision, Handshake("a", interval, 20_000, ["websocket"], largest))


def known(
    *,
    url: str = URL,
    path: str = "/socket.io/",
    polls: tuple[int, ...] = (4,),
    upgrades: tuple[int, ...] = (4,),
    refusal: Reply | None = None,
    answered: list[tuple[str, str]] | None = None,
    tls: Tls | None = None,
    addresses: tuple[str, ...] = ("192.0.2.1",),
    session: Opening | None = None,
    **more: Any,
) -> Known:
    """A target that opens sessions in these revisions, and answers ``refusal`` to all else.

    ``answered`` are headers of a session's first answer; the rest are settings, or facts.
    """
    parts = [
        {name: more.pop(name) for name in tuple(more) if name in kind.__struct_fields__ and name != "tls"}
        for kind in (Identity, TlsOptions, ProbeSettings)
    ]
    settings = ProbeSettings(
        target=Target(url=url, path=path),
        identity=Identity(**parts[0]),
        tls=TlsOptions(**parts[1]),
        **parts[2],
    )
    no = refusal or Reply(400, body=b'{"code":5,"message":"Unsupported protocol version"}')

    def polled(revision: int) -> Polled:
        if revision not in polls:
            return Polled(no)
        return Polled(Reply(200, answered or [], seconds=0.01), session or opening(revision))

    def upgraded(revision: int) -> Upgraded:
        return Upgraded(session or opening(revision)) if revision in upgrades else Upgraded(reply=no)

    reached = more.pop("reached", Reached(list(addresses), 0.001, tls=tls))
    return Known(
        settings=settings,
        reached=reached,
        polled={revision: polled(revision) for revision in (4, 3)},
        upgraded={revision: upgraded(revision) for revision in (4, 3)},
        **more,
    )


def joined(*namespaces: str, parser: Any = "json", pid: str = "") -> Joins:
    """These namespaces, joined."""
    return Joins(parser, [Join(name, "joined", pid=pid, seconds=0.01) for name in namespaces or ("/",)])


def refused(words: str, namespace: str = "/") -> Joins:
    """A namespace that refused with these words."""
    return Joins("json", [Join(namespace, "refused", words)])
