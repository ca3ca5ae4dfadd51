"""Checks before a run: open files for all users, and a first connection to the target."""

import math
import resource
from time import monotonic
from urllib.parse import urljoin, urlsplit

import msgspec

from siotool.client.address import resolve
from siotool.client.choices import sockets_kept
from siotool.client.failures import ClientFailure
from siotool.client.secret_texts import secrets_of
from siotool.client.source_addresses import reaching_each
from siotool.errors import InputError, TargetError
from siotool.printable import one_line
from siotool.swarm.engine import Engine
from siotool.swarm.load_limits import FILES_RESERVED, WantedLoad, shortage
from siotool.swarm.own_limits import read_limits
from siotool.swarm.redaction import Redaction
from siotool.swarm.settings import EngineSettings, ResolvedTarget
from siotool.swarm.user_counts import UserCounts

#: Long enough for a slow handshake, short enough to notice a dead port at once.
PATIENCE_S = 5.0

#: Redirects that are followed.
_REDIRECTS = 4
#: Characters of a server's words that are shown.
_WORDS_SHOWN = 200
#: How a connect of revision 4 fails at a server that speaks 3.
_OLD = ("protocol_error", "transport_close", "timeout")
_NEW = 4


class PreflightError(TargetError):
    """No first connection; ``settings`` are those it was tried with."""

    def __init__(self, settings: EngineSettings, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.settings = settings


def check_files(wanted: WantedLoad) -> None:
    """Raises InputError when a process of this machine cannot open the sockets of its share of the users.

    Workers raise their own limit as far as the hard one allows.
    """
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    each = math.ceil(wanted.connections / wanted.processes)
    if limit == resource.RLIM_INFINITY or each + FILES_RESERVED <= limit:
        return
    remedy = f"raise the limit first (ulimit -n {each + FILES_RESERVED})"
    if limit > FILES_RESERVED:
        remedy += f", or use --processes {math.ceil(wanted.connections / (limit - FILES_RESERVED))}"
    users = math.ceil(wanted.users / wanted.processes)
    raise InputError(
        f"{users:,} users in one generator process need {each + FILES_RESERVED:,} open files, "
        f"and a process may have {limit:,} here",
        remedy,
    )


def check_room(users: int, processes: int, settings: EngineSettings) -> None:
    """Raises InputError when this machine has no room for the users: ports, the packet filter, memory.

    So it does where none of the addresses to connect from reaches a target.
    """
    wanted = WantedLoad(
        users,
        processes,
        reaching_each(settings.sources, [place.addresses for place in settings.targets]) or 1,
        len(settings.targets),
        sockets_kept(settings.transports),
    )
    # files of a process have been looked at
    if short := shortage(wanted, msgspec.structs.replace(read_limits(), files=None)):
        raise InputError(*short)


def check_all(settings: EngineSettings, find_revision: bool) -> EngineSettings:
    """Check each target by itself; returns the settings as the targets want them. Raises TargetError.

    All must speak one revision of Engine.IO: they are one service.
    """
    found = [check(_alone(settings, place), find_revision) for place in settings.targets]
    first, *others = found
    for other in others:
        if other.revision != first.revision:
            raise TargetError(
                f"{first.target.url} speaks Engine.IO {first.revision}, {other.target.url} {other.revision}",
                "load them one by one: several targets are one service",
            )
    return msgspec.structs.replace(
        first,
        others=tuple(ResolvedTarget(other.target, other.addresses, other.slash) for other in others),
        turns=settings.turns,
    )


def _alone(settings: EngineSettings, place: ResolvedTarget) -> EngineSettings:
    """The settings for one of the targets."""
    return msgspec.structs.replace(
        settings,
        target=place.target,
        addresses=place.addresses,
        slash=place.slash,
        others=(),
        turns=(0,),
    )


def check(settings: EngineSettings, find_revision: bool) -> EngineSettings:
    """Connect once, join the namespaces, leave; returns the settings as the target wants them.

    A redirect within the host is followed. With ``find_revision`` a target that does not speak Engine.IO 4
    is asked for 3. Raises PreflightError.
    """
    asked = settings
    failure = _connect(settings)
    for _ in range(_REDIRECTS):
        moved = _redirected(settings, failure) if failure is not None else None
        if moved is None:
            break
        settings = moved
        failure = _connect(settings)
    if failure is None:
        return settings
    if find_revision and failure.kind in _OLD and settings.revision == _NEW:
        older = msgspec.structs.replace(settings, revision=3)
        if _connect(older) is None:
            return older
    words = Redaction(secrets_of(settings.identity)).apply(str(failure))
    where = f"{asked.target.url} (path {asked.target.path})"
    said = f"cannot connect to {where}: {failure.kind} ({one_line(words, _WORDS_SHOWN)})"
    raise PreflightError(asked, said, "siotool probe says what the target speaks") from failure


def _connect(settings: EngineSettings) -> ClientFailure | None:
    engine = Engine(
        msgspec.structs.replace(settings, connect_timeout_s=min(PATIENCE_S, settings.connect_timeout_s))
    )
    user = engine.new_user(UserCounts("preflight"))
    try:
        engine.connect(user, monotonic(), False, {}, settings.identity, settings.transports[0][0])
        engine.drain()
    except ClientFailure as failure:
        return failure
    finally:
        engine.stop()
    return None


def _redirected(settings: EngineSettings, failure: ClientFailure) -> EngineSettings | None:
    """The settings at the place that an answer names, on the same host and with no less TLS; else None."""
    led = str(failure).removeprefix("to ")
    if not failure.kind.startswith("http_3") or not led:
        return None
    path = settings.target.path.strip("/")
    asked = f"{settings.target.url}/{path}/" if path else f"{settings.target.url}/"
    old, new = urlsplit(asked), urlsplit(urljoin(asked, led))
    secure = old.scheme in ("https", "wss")  # what is secret is not sent without TLS then
    if new.hostname != old.hostname or new.scheme not in (("https",) if secure else ("http", "https")):
        return None
    target = msgspec.structs.replace(
        settings.target, url=f"{new.scheme}://{new.netloc}", path=new.path or settings.target.path
    )
    slash = new.path.endswith("/") if new.path else settings.slash  # some servers redirect to take it away
    return msgspec.structs.replace(settings, target=target, addresses=resolve(target), slash=slash)
