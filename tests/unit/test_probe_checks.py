"""What each check concludes from facts: those that no server of the integration tests has."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.errors import ExitCode
from siotool.probe.catalogue import CHECKS
from siotool.probe.checks.compression import LongAnswer
from siotool.probe.checks.cors import OfOrigin
from siotool.probe.checks.idle_timeout import Idled
from siotool.probe.checks.sessions import SessionSeen
from siotool.probe.checks.upgrading import UpgradeSteps
from siotool.probe.diagnose import judged
from siotool.probe.finding import Finding
from siotool.probe.joins import Join, Joins
from siotool.probe.known import Known, Reached, Tls
from siotool.probe.probe_result import ProbeResult
from siotool.probe.reply import Reply
from siotool.protocol.engine_io import Handshake
from tests.unit.probe_facts import URL, joined, known, opening, refused

SECURE = "https://chat.example.org"
NOW = 1_800_000_000.0
DAY = 86_400.0
ORIGIN = "https://app.example.org"
STAR = Reply(200, [("Access-Control-Allow-Origin", "*")])
EXACT = Reply(200, [("Access-Control-Allow-Origin", ORIGIN), ("Access-Control-Allow-Credentials", "true")])
#: As a server and the proxy before it both have it: browsers take none then.
TWICE = Reply(200, EXACT.headers + EXACT.headers)
GOOD = Reply(200, body=b"ok")
#: An open packet that offers no upgrade.
ALONE = Handshake("a", 25_000, 20_000)
UNKNOWN = Reply(400, body=b'{"code":1,"message":"Session ID unknown"}')


def judge(check: str, facts: Known, looked: Any = None) -> Finding | None:
    (one,) = (one for one in CHECKS if one.id == check)
    return one.judge(facts, looked)


def sessions(
    *cookies: str,
    lost: int = 0,
    bare: int = 0,
    server: tuple[str, ...] = (),
    old: int = 0,
    post: Reply = GOOD,
) -> list[SessionSeen]:
    """Five sessions with values of a cookie; so many lost with their cookies, and without them.

    The first ``old`` ones open in Engine.IO 3. ``post`` answers what is known there.
    """
    return [
        SessionSeen(
            (25_000, 20_000, 1e6),
            3 if number < old else 4,
            {"route": cookies[number % len(cookies)]} if cookies else {},
            server[number % len(server)] if server else "",
            [post, UNKNOWN if number < lost else post],
            [UNKNOWN if number < bare else GOOD] if cookies else [],
        )
        for number in range(5)
    ]


@pytest.mark.parametrize(
    ("check", "facts", "looked", "level", "seen"),
    [
        # tls
        pytest.param("tls", known(), NOW, "info", "asks for no TLS", id="plain HTTP"),
        pytest.param(
            "tls",
            known(url=SECURE, tls=Tls("TLSv1.3", "chat", "CA", NOW + 90 * DAY)),
            NOW,
            "ok",
            "valid until",
            id="valid",
        ),
        pytest.param(
            "tls",
            known(url=SECURE, tls=Tls("TLSv1.3", "chat", "CA", NOW + 13 * DAY)),
            NOW,
            "warning",
            "valid",
            id="soon",
        ),
        pytest.param(
            "tls",
            known(url=SECURE, tls=Tls("TLSv1.1", "chat", "CA", NOW + 90 * DAY)),
            NOW,
            "warning",
            "TLSv1.1",
            id="old",
        ),
        pytest.param(
            "tls",
            known(url=SECURE, tls=Tls("TLSv1.3", distrust="certificate has expired")),
            NOW,
            "error",
            "a name we cannot read: certificate has expired",
            id="expired",
        ),
        # heartbeats, sizes
        pytest.param(
            "ping", known(session=opening(interval=1000)), None, "info", "each 1 s", id="frequent pings"
        ),
        pytest.param(
            "ping", known(session=opening(interval=60_000)), None, "warning", "each 1 min", id="rare pings"
        ),
        pytest.param(
            "max-payload",
            known(session=opening(largest=None)),
            None,
            "info",
            "no maxPayload",
            id="no limit said",
        ),
        pytest.param(
            "compression", known(), LongAnswer(1600, "gzip"), "ok", "1.6 kB is compressed (gzip)", id="gzip"
        ),
        pytest.param("compression", known(), LongAnswer(1600, ""), "ok", "is not compressed", id="no gzip"),
        pytest.param(
            "compression", known(upgrades=()), None, "ok", "no WebSocket to ask", id="polling alone"
        ),
        # sessions
        pytest.param("sticky", known(), sessions(), "ok", "5 sessions", id="no cookies"),
        pytest.param(
            "sticky", known(), sessions("a", "b"), "ok", "cookies: route", id="a cookie that is not needed"
        ),
        pytest.param(
            "sticky", known(), sessions("a", "b", bare=2), "info", "without it 2 of 5", id="kept by a cookie"
        ),
        pytest.param(
            "sticky",
            known(),
            sessions("a", lost=2),
            "error",
            "2 of 10 requests (20%)",
            id="lost though the cookie came back",
        ),
        pytest.param("sticky", known(polls=()), [], "info", "not tried", id="nothing to keep"),
        pytest.param(
            "sticky", known(), [], "warning", "no session opened this time", id="none of them opened again"
        ),
        pytest.param(
            "sticky",
            known(),
            sessions("a", post=Reply(403, body=b"<h1>Forbidden</h1>")),
            "error",
            "POSTs of long polling get 403 “Forbidden”: 10 of 10",
            id="nothing may be posted",
        ),
        pytest.param(
            "sticky",
            known(),
            sessions(post=Reply(failure="timeout", detail="no answer within 3 s")),
            "error",
            "POSTs of long polling get no answer within 3 s",
            id="nothing that is posted is answered",
        ),
        pytest.param("backends", known(), sessions(), "ok", "no sign", id="one server"),
        pytest.param(
            "backends", known(), sessions("a", "b"), "info", "route has 2 values", id="two values of a cookie"
        ),
        pytest.param(
            "backends",
            known(),
            sessions(*"abcde"),
            "ok",
            "no sign",
            id="a value for each session names nothing",
        ),
        pytest.param(
            "backends",
            known(),
            sessions(server=("Via: a", "Via: b")),
            "info",
            "2 different headers",
            id="two headers",
        ),
        pytest.param(
            "backends",
            known(addresses=("192.0.2.1", "192.0.2.2")),
            sessions(),
            "info",
            "2 addresses",
            id="two addresses",
        ),
        pytest.param(
            "backends",
            known(),
            sessions(old=2),
            "error",
            "3 with Engine.IO 4, 2 with Engine.IO 3 opened",
            id="two major versions",
        ),
        # upgrade
        pytest.param("upgrade", known(), UpgradeSteps(0.01, 0.01, 0.01), "ok", "works in 30 ms", id="works"),
        pytest.param(
            "upgrade",
            known(),
            UpgradeSteps(failed="x", lost=True),
            "info",
            "lost on the way",
            id="not sticky",
        ),
        pytest.param(
            "upgrade", known(), UpgradeSteps(failed="403"), "error", "does not work: 403", id="refused"
        ),
        pytest.param("upgrade", known(polls=()), None, "info", "not tried", id="no polling"),
        # transports
        pytest.param(
            "websocket",
            known(
                upgrades=(), refusal=Reply(403), session=msgspec.structs.replace(opening(), handshake=ALONE)
            ),
            None,
            "warning",
            "not offered: 403 without words",
            id="neither offered nor said why",
        ),
        pytest.param(
            "websocket",
            known(upgrades=(), refusal=Reply(403)),
            None,
            "error",
            "403 without words",
            id="offered and refused",
        ),
        # namespaces
        pytest.param("recovery", known(), joined(pid="x"), "info", "on: ", id="recovery"),
        pytest.param(
            "namespace",
            known(),
            Joins("json", [Join("/", "ended", "close code 1011")]),
            "error",
            "1011",
            id="ended",
        ),
        pytest.param(
            "parser",
            known(),
            Joins("", [Join("/", "ended", "cut")]),
            "error",
            "(cut)",
            id="a parser of its own",
        ),
        pytest.param(
            "parser", known(), Joins("json", [Join("/", "silent")]), "info", "no packet", id="silent"
        ),
        pytest.param("auth", known(), refused("no entry"), "error", "/ “no entry”", id="refused"),
        pytest.param(
            "auth", known(auth={}), joined(), "info", "without it too", id="auth that nobody checks"
        ),
        # origins
        pytest.param("cors", known(), None, "info", "not asked", id="no origin asked for"),
        pytest.param(
            "idle-timeout", known(), Idled(25.0, alive=True), "ok", "25 s of silence", id="survived"
        ),
        pytest.param(
            "idle-timeout", known(), Idled(3.0, alive=False, words="cut"), "error", "cut after 3 s", id="cut"
        ),
        pytest.param(
            "idle-timeout",
            known(),
            Idled(0.0, alive=False, words="no namespace was joined", joined=False),
            "info",
            "not tried: no namespace was joined",
            id="not let in",
        ),
        pytest.param(
            "idle-timeout",
            known(),
            Idled(0.0, alive=False, words="the application ended the connection by itself", joined=False),
            "info",
            "not tried: the application ended",
            id="sent away",
        ),
        pytest.param(
            "idle-timeout", known(), Idled(2.0, alive=True), "info", "not judged", id="never silent for long"
        ),
        # redirects
        pytest.param(
            "reachable",
            known(path="/socket.io", hops=[f"{URL}/socket.io"], slash=False),
            None,
            "warning",
            f"by redirects over {URL}/socket.io",
            id="a redirect within the host",
        ),
        pytest.param(
            "websocket",
            known(upgrades=(), refusal=Reply(302, [("Location", "http://other.example.org/?token=x")])),
            None,
            "error",
            "302, a redirect to http://other.example.org/",
            id="a WebSocket that is led away",
        ),
        pytest.param(
            "admin-ui", known(), Join("/admin", "joined", events=["hello"]), "info", "none of", id="dynamic"
        ),
        pytest.param("admin-ui", known(), Join("/admin", "refused", "who?"), "info", "“who?”", id="guarded"),
    ],
)
def test_a_check_concludes(check: str, facts: Known, looked: Any, level: str, seen: str) -> None:
    finding = judge(check, facts, looked)
    assert finding is not None
    assert (finding.level, seen in finding.seen) == (level, True), finding
    if level in ("error", "warning"):
        assert finding.means, "says what it means"
        assert finding.do, "says what to do"


@pytest.mark.parametrize(
    ("polled", "preflight", "cookies", "level", "words"),
    [
        pytest.param(STAR, STAR, "", "ok", "Access-Control-Allow-Origin *", id="any origin"),
        pytest.param(EXACT, EXACT, "a=b", "ok", "Allow-Credentials true", id="this origin, with cookies"),
        pytest.param(STAR, STAR, "a=b", "warning", "cookies: a", id="cookies that browsers do not send"),
        pytest.param(STAR, Reply(405), "", "warning", "preflight (OPTIONS) got 405", id="no preflight"),
        pytest.param(STAR, GOOD, "", "warning", "no CORS headers", id="a preflight without headers"),
        pytest.param(GOOD, GOOD, "", "error", "missing", id="no headers"),
        pytest.param(
            TWICE,
            TWICE,
            "",
            "error",
            f"Access-Control-Allow-Origin {ORIGIN}, {ORIGIN}",
            id="the header twice",
        ),
        pytest.param(
            EXACT,
            TWICE,
            "",
            "warning",
            f"preflight (OPTIONS) got Access-Control-Allow-Origin {ORIGIN}, ",
            id="twice",
        ),
        pytest.param(
            EXACT,
            Reply(200, [("Access-Control-Allow-Origin", "https://x.org")]),
            "",
            "warning",
            "got Access-Control-Allow-Origin https://x.org",
            id="a preflight for another",
        ),
        pytest.param(
            Reply(200, [("Access-Control-Allow-Origin", "https://x.org")]),
            GOOD,
            "",
            "error",
            "https://x.org",
            id="another",
        ),
    ],
)
def test_a_browser_on_another_origin(
    polled: Reply, preflight: Reply, cookies: str, level: str, words: str
) -> None:
    facts = known(origin=ORIGIN, answered=[("Set-Cookie", cookies)] if cookies else None)
    finding = judge("cors", facts, OfOrigin(polled, True, preflight, None))
    assert finding is not None
    assert (finding.level, words in finding.seen) == (level, True), finding


@pytest.mark.parametrize(
    ("polled", "websocket", "level", "seen"),
    [
        pytest.param(Reply(429), None, "warning", f"Origin {ORIGIN} got 429", id="a limit of requests"),
        pytest.param(Reply(502), None, "warning", "got 502", id="a server that is gone"),
        pytest.param(
            Reply(failure="timeout", detail="no answer"), None, "warning", "no answer", id="no answer"
        ),
        pytest.param(None, Reply(502), "warning", "on WebSocket got 502", id="a WebSocket without a server"),
        pytest.param(None, Reply(400), "error", "on WebSocket is refused with 400", id="as Node.js refuses"),
        pytest.param(Reply(429), Reply(403), "error", "on WebSocket is refused with 403", id="one of both"),
        pytest.param(
            Reply(400, body=b"app is not an accepted origin."),
            None,
            "error",
            "is refused with 400",
            id="refused",
        ),
    ],
)
def test_only_what_refuses_an_origin_says_that_it_is_not_allowed(
    polled: Reply | None, websocket: Reply | None, level: str, seen: str
) -> None:
    finding = judge("cors", known(origin=ORIGIN), OfOrigin(polled or EXACT, polled is None, EXACT, websocket))
    assert finding is not None
    assert (finding.level, seen in finding.seen) == (level, True), finding
    assert ("could not be judged" in finding.seen) is (level == "warning")


def test_a_page_of_the_target_itself_needs_no_headers() -> None:
    finding = judge("cors", known(origin=URL), OfOrigin(GOOD, True, GOOD, None))
    assert finding is not None
    assert finding.level == "ok"


def result(facts: Known, looked: dict[str, Any] | None = None) -> ProbeResult:
    """All checks; a look brings what is given for a check that has it, else what it brings for nothing."""
    given = {"tls": NOW, "sticky": [], **(looked or {})}
    brought: dict[Any, Any] = {check.look: None for check in CHECKS}
    brought |= {check.look: given[check.id] for check in CHECKS if check.id in given}
    return judged(facts, list(CHECKS), brought)


def test_an_unreachable_target_has_one_finding_of_its_own_and_exits_3() -> None:
    for failure in ("dns", "refused", "timeout", "unreachable", "tls"):
        facts = known(polls=(), upgrades=(), reached=Reached(failure=failure, detail="x"))
        facts = msgspec.structs.replace(facts, polled={}, upgraded={})
        found = result(facts)
        assert [one.id for one in found.at("error")] == ["reachable"], failure
        assert found.code() == ExitCode.UNREACHABLE
        assert not any(client.connects for client in found.clients)


@pytest.mark.parametrize(
    ("failing", "level"),
    [
        pytest.param(1, "warning", id="a limit that some requests meet, or one server that is down"),
        pytest.param(5, "error", id="none gets through"),
    ],
)
def test_requests_of_which_some_get_through_are_not_kept_away_by_a_filter(failing: int, level: str) -> None:
    """Its advice was to let POST through the proxy, which did."""
    seen = [*sessions(post=Reply(503))[:failing], *sessions()[failing:]]
    finding = judge("sticky", known(), seen)
    assert finding is not None
    assert finding.level == level
    assert ("let POST" in finding.do) is (level == "error")


def test_levels_decide_the_exit_code() -> None:
    assert result(known()).code() == ExitCode.OK
    assert result(known(), {"sticky": sessions(lost=1)}).code() == ExitCode.GATE_FAILED
    assert result(known(session=opening(interval=90_000))).code() == ExitCode.OK


def test_a_level_filters_what_is_shown_and_not_the_exit_code() -> None:
    found = result(known(), {"sticky": sessions(lost=1)})
    assert [one.id for one in found.from_level("error").checks] == ["sticky"]
    assert len(found.from_level("ok").checks) == len(found.checks) > len(found.from_level("info").checks)


replies = st.builds(
    Reply,
    st.sampled_from([200, 301, 400, 401, 403, 404, 429, 500, 502, 503]),
    st.lists(st.tuples(st.sampled_from(["Server", "Location", "WWW-Authenticate", "Set-Cookie"]), st.text())),
    st.binary() | st.text().map(str.encode),
    st.just(0.1),
    st.sampled_from(["", "timeout", "closed"]),
    st.text(),
)
revisions = st.sets(st.sampled_from([3, 4])).map(tuple)
outcomes = st.builds(
    Join,
    st.sampled_from(["/", "/chat"]),
    st.sampled_from(["joined", "refused", "silent", "ended"]),
    st.text(),
    st.text(max_size=2),
)


@given(
    revisions,
    revisions,
    replies,
    st.builds(Joins, st.sampled_from(["json", "msgpack", ""]), st.lists(outcomes, min_size=1, max_size=2)),
    st.text(),
)
def test_whatever_a_server_says_every_finding_is_safe_to_show_and_says_what_to_do(
    polls, upgrades, refusal, joins, words
) -> None:
    facts = known(polls=polls, upgrades=upgrades, refusal=refusal)
    answers = {
        "namespace": joins,
        "sticky": sessions(words),
        "idle-timeout": Idled(1.0, alive=False, words=words),
        "admin-ui": Join("/admin", "refused", words),
        "upgrade": UpgradeSteps(failed=words),
    }
    found = result(facts, answers)
    for one in found.checks:
        assert f"{one.seen}{one.means}{one.do}".isprintable()
        assert one.level not in ("error", "warning") or (one.means and one.do)
    assert len({one.id for one in found.checks}) == len(found.checks)


@given(replies)
def test_where_nothing_opens_an_error_says_why(refusal) -> None:
    found = result(known(polls=(), upgrades=(), refusal=refusal))
    assert found.at("error"), refusal
    assert not any(client.connects for client in found.clients)


def test_secrets_that_a_server_repeats_are_starred_and_an_origin_is_not() -> None:
    shown = known(
        polls=(),
        upgrades=(),
        refusal=Reply(403, body=b"key-1234, token-5678 and https://app.example.org are refused"),
        auth={"deep": ["token-5678"]},
        headers=(("X-Key", "key-1234"), ("Origin", ORIGIN)),
    )
    (found,) = result(shown).at("error")
    assert f"“***, *** and {ORIGIN} are refused”" in found.seen
