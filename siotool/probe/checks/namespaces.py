"""Are the namespaces joined, with which parser, with which credentials, and can they be recovered?"""

from siotool.printable import one_line
from siotool.probe.finding import Check, Finding
from siotool.probe.joins import Join, Joins, join_all, unknown
from siotool.probe.known import Known
from siotool.probe.refusal import CREDENTIALS, FORBIDDEN, cause
from siotool.probe.reply import Reply
from siotool.units import format_duration

_AT_MOST = 160


def _list(joins: list[Join]) -> str:
    return ", ".join(one_line(join.namespace, 60) for join in joins)


def _quoted(joins: list[Join]) -> str:
    return ", ".join(f"{one_line(join.namespace, 60)} “{one_line(join.words, _AT_MOST)}”" for join in joins)


def _judge_parser(known: Known, joins: Joins | None) -> Finding | None:
    if joins is None:
        return None
    if joins.parser == "json":
        silent = all(join.outcome == "silent" for join in joins.answers)
        seen = "no packet was answered" if silent else "packets in JSON are answered"
        return Finding("parser", "info" if silent else "ok", seen)
    if joins.parser == "msgpack":
        return Finding(
            "parser",
            "warning",
            "packets in JSON are refused, packets in MessagePack are answered",
            "clients need the same parser as the server",
            'give clients parser: require("socket.io-msgpack-parser") (siotool: --parser msgpack)',
        )
    how = next((join.words for join in joins.answers if join.words), "no words")
    return Finding(
        "parser",
        "error",
        f"the session ends on packets in JSON and in MessagePack ({one_line(how, _AT_MOST)})",
        "the server has a parser of its own, or ends every session",
        "look at the server's `parser` option and at its log",
    )


def _judge_namespace(_: Known, joins: Joins | None) -> Finding | None:
    if joins is None or not joins.parser:
        return None
    strange = [join for join in joins.answers if join.outcome == "refused" and unknown(join)]
    silent = [join for join in joins.answers if join.outcome in ("silent", "ended")]
    others = f"; joined: {_list(joins.joined)}" if joins.joined else ""
    if strange:
        return Finding(
            "namespace",
            "error",
            f"refused: {_quoted(strange)}{others}",
            "the server has no such namespace",
            "check --namespace: it is not the path, and it is case-sensitive",
        )
    if silent:
        ended = [join for join in silent if join.outcome == "ended"]
        return Finding(
            "namespace",
            "error",
            (f"the session ended: {_quoted(ended)}" if ended else f"opened, but no answer: {_list(silent)}")
            + others,
            "the session opened, but the namespace did not answer",
            "does it need --auth? A middleware that never calls next() does this",
        )
    if joins.refused:
        return Finding("namespace", "info", f"refused: {_quoted(joins.refused)}{others}", "see auth")
    took = max(join.seconds for join in joins.answers)
    return Finding("namespace", "ok", f"joined {_list(joins.answers)} in {format_duration(took)}")


def _judge_auth(known: Known, joins: Joins | None) -> Finding | None:
    if known.opening is None:
        return _at_the_handshake(known.refusals)
    if joins is None or not joins.parser:
        return None
    shown = known.settings.identity.auth is not None
    if joins.refused:
        return Finding(
            "auth",
            "error",
            f"refused: {_quoted(joins.refused)}",
            "these credentials are not accepted" if shown else "the server wants credentials",
            "check --auth, --header and --query"
            if shown
            else 'give --auth \'{"token": "…"}\', or what the server asks for with --header or --query',
        )
    return _accepted(joins, shown=shown) if joins.joined else None


def _at_the_handshake(refusals: list[Reply]) -> Finding | None:
    """A refusal before any namespace; the first answer is that of long polling.

    Some servers answer 403 to an upgrade on a path that they do not know, and 404 to a request.
    """
    if not refusals or cause(refusals[0]) not in (CREDENTIALS, FORBIDDEN):
        return None
    challenge = refusals[0].header("WWW-Authenticate")
    asks = f", asks for {one_line(challenge, 80)}" if challenge else ""
    return Finding(
        "auth",
        "error",
        f"the handshake is refused with {refusals[0].said}{asks}",
        "the server, or a filter in front of it, refuses requests like these: it looks at headers, "
        "cookies, the query or the address",
        "give what it asks for with --header or --query, or a page it allows with --origin",
    )


def _accepted(joins: Joins, *, shown: bool) -> Finding:
    if not shown:
        return Finding("auth", "ok", "joined without --auth", "anybody can connect")
    without = [join for join in joins.without_auth if join.outcome != "joined"]
    if without:
        words = _quoted([join for join in without if join.words]) or _list(without)
        return Finding("auth", "ok", f"joined with --auth, refused without: {words}")
    return Finding("auth", "info", "joined with --auth, and without it too", "--auth is not checked here")


def _judge_recovery(_: Known, joins: Joins | None) -> Finding | None:
    if joins is None or not joins.joined:
        return None
    if any(join.pid for join in joins.joined):
        return Finding(
            "recovery",
            "info",
            "on: the answer to CONNECT has a pid",
            "a client that comes back soon gets its rooms and what it missed, if its server remembers",
        )
    return Finding(
        "recovery",
        "info",
        "off: the answer to CONNECT has no pid",
        "a client that comes back is a new one: it misses what was sent meanwhile",
        "set connectionStateRecovery on a Socket.IO 4.6 server or newer, if that matters",
    )


CHECKS = [
    Check("parser", "JSON or MessagePack", _judge_parser, join_all),
    Check("namespace", "each --namespace: joined, refused, silent", _judge_namespace, join_all),
    Check("auth", "whether credentials are needed, and accepted", _judge_auth, join_all),
    Check("recovery", "connection state recovery", _judge_recovery, join_all),
]
