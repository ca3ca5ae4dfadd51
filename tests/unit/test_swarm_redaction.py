"""Secrets are replaced in texts, however many there are and however others write them."""

import base64
import io
import json
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.client.identity import Identity
from siotool.client.secret_texts import secrets_of, texts_in
from siotool.swarm import redaction
from siotool.swarm.redaction import RedactedStream, Redaction, UserSecrets, with_commands_hidden

SECRETS = st.text(st.characters(codec="utf-8"), min_size=4, max_size=12)


@pytest.mark.parametrize(
    ("secrets", "text", "shown"),
    [
        pytest.param(["hunter2"], "the password hunter2 is wrong", "the password *** is wrong", id="a word"),
        pytest.param(["hunter2"], "hunter2hunter2", "******", id="twice"),
        pytest.param(["abcd", "abcdefgh"], "abcdefgh abcd", "*** ***", id="one begins another: the longer"),
        pytest.param(["efgh", "abcdefgh"], "abcdefgh efgh", "*** ***", id="one ends another: the longer"),
        pytest.param(["abcdef", "defghi"], "xabcdefghiy", "x***y", id="two overlap"),
        pytest.param(["cdef", "abcdefgh"], "abcdefgh", "***", id="one within another"),
        pytest.param(["abc"], "abc", "abc", id="too short to tell from ordinary words"),
        pytest.param(["a@x.org", "bb@x.org"], "a@x.org,bb@x.org", "***,***", id="one end, several lengths"),
        pytest.param([], "anything", "anything", id="none at all"),
        pytest.param(["line\nbreak"], "line break", "***", id="its line break made a blank"),
    ],
)
def test_what_is_hidden(secrets: list[str], text: str, shown: str) -> None:
    assert Redaction(secrets).apply(text) == shown


@given(st.lists(SECRETS, min_size=1, max_size=5), st.lists(st.text(max_size=5), max_size=6), st.randoms())
def test_no_secret_is_left_in_any_text(secrets: list[str], words: list[str], chance: object) -> None:
    text = "".join(word + chance.choice(secrets) for word in words)  # type: ignore[attr-defined]
    shown = Redaction(secrets).apply(text)
    for part in shown.split("***"):
        assert not any(secret in part for secret in secrets)


@given(SECRETS)
def test_a_secret_is_found_as_others_write_it(secret: str) -> None:
    hiding = Redaction([secret])
    for written in (
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        quote(secret),
        quote_plus(secret),
        urlencode({"token": secret}).partition("=")[2],
    ):
        assert written not in hiding.apply(f"<{written}>") or len(written) < redaction.SHORTEST


def test_short_secrets_do_not_change_names() -> None:
    hiding = Redaction(["echo", "long-secret"])
    assert hiding.label("echo") == "echo"
    assert hiding.label("say long-secret") == "say ***"
    assert hiding.apply("echo") == "***"


def test_a_secret_of_two_users_stays_hidden_when_one_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_KEPT_AFTER", 1)
    hiding = Redaction()
    one, other = (
        UserSecrets(hiding, {"role": "administrator"}),
        UserSecrets(hiding, {"role": "administrator"}),
    )
    one.leave()
    hiding.retire(())
    assert hiding.apply("administrator") == "***"
    other.leave()
    assert hiding.apply("administrator") == "***", "for a while also after the last has left"
    hiding.retire(())
    assert hiding.apply("administrator") == "administrator"


def test_what_many_users_leave_behind_is_forgotten() -> None:
    hiding = Redaction()
    for number in range(redaction._KEPT_AFTER + 3000):
        hiding.add_for_a_while([f"token-{number:07d}"])
    assert len(hiding._counts) == redaction._KEPT_AFTER
    assert len(hiding._lengths) <= 2 * redaction._KEPT_AFTER + 1000
    assert hiding.apply("token-0000001 token-0022999") == "token-0000001 ***"


def test_a_renewed_token_is_hidden_like_the_one_before() -> None:
    hiding = Redaction()
    user = UserSecrets(hiding, {})
    user.show(Identity({"token": "first-token"}))
    user.show(Identity({"token": "second-token"}))
    assert hiding.apply("first-token second-token") == "*** ***"


def test_another_process_hides_what_it_cannot_read() -> None:
    here, there = Redaction(key=7), Redaction(key=7)
    announced = []
    here.announce = announced.extend
    UserSecrets(here, {}).show(Identity({"token": "issued token"}))
    there.add_digests(announced)
    assert there.apply("no issued token here") == "no *** here"
    assert "issued" not in repr(announced)
    other_run = Redaction(key=8)
    other_run.add_digests(announced)
    assert other_run.apply("issued token") == "issued token"


def test_what_of_an_identity_is_secret() -> None:
    basic = base64.b64encode(b"admin:hunter22").decode()
    identity = Identity(
        auth={"token": "auth-token", "deep": [{"pin": 123456, "on": True, "none": None}]},
        headers=(("A", "Bearer bearer-token"), ("Cookie", "session=cookie-value"), ("X", "Basic " + basic)),
        query=(("key", "query-value"),),
    )  # fmt: skip
    expected = {"auth-token", "123456", "bearer-token", "cookie-value", "hunter22", basic, "query-value"}
    assert expected <= set(secrets_of(identity))
    assert {"True", "Bearer", "Basic", "session"}.isdisjoint(secrets_of(identity)), "ordinary words"


def test_every_value_of_a_row_is_secret_but_short_ones() -> None:
    row = {"user": "alice", "n": 12345, "short": "abc", "list": ["inside"], "none": None}
    assert list(texts_in(row)) == ["alice", "12345", "inside"]


def test_a_stream_hides_what_is_written() -> None:
    behind = io.StringIO()
    print("Traceback: hunter2", file=RedactedStream(behind, Redaction(["hunter2"])))
    assert behind.getvalue() == "Traceback: ***\n"


@pytest.mark.parametrize("option", ["--fault", "--restart-command"])
def test_commands_of_a_shell_are_recorded_without_the_secrets_that_they_quote(option):
    """Trap: typed as --fault=…, in one word, the run file had them; and of a restart always."""
    typed = ["demo", option, "curl -H 'X: room-1' h", f"{option}=echo room-1", "--set", "room=room-1"]
    kept = ["demo", option, "curl -H 'X: ***' h", f"{option}=echo ***", "--set", "room=room-1"]
    assert with_commands_hidden(typed, Redaction(["room-1"]).apply) == kept
