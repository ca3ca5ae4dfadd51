"""What user classes say of their users' identity, beside what the options say."""

from typing import Any

import pytest

from siotool.client.identity import Identity
from siotool.errors import ScenarioError
from siotool.swarm.knobs import knob, knobs_of
from siotool.swarm.own_identity import identity_of, main_namespace

BASE = Identity(
    auth={"token": "options'"},
    headers=(("X-Key", "options'"), ("Cookie", "a=1")),
    query=(("room", "options'"), ("lang", "en")),
    namespaces=("/", "/feed"),
)


def user(**said: Any) -> object:
    """A user whose class says this."""
    return type("Chat", (), said)()


@pytest.mark.parametrize(
    ("said", "changed"),
    [
        pytest.param({}, {}, id="a class that says nothing leaves the options as they are"),
        pytest.param({"auth": None, "headers": lambda self: None}, {}, id="None says nothing"),
        pytest.param({"auth": {"token": "own"}}, {"auth": {"token": "own"}}, id="an attribute of the class"),
        pytest.param(
            {"auth": lambda self: {"id": 7, "roles": ["a"]}},
            {"auth": {"id": 7, "roles": ["a"]}},
            id="a method, and no key of the options' payload is left",
        ),
        pytest.param(
            {"headers": {"x-key": "own", "X-Other": 5}},
            {"headers": (("Cookie", "a=1"), ("x-key", "own"), ("X-Other", "5"))},
            id="headers replace those of the same name in any case, and join the others",
        ),
        pytest.param(
            {"query": lambda self: {"room": "own", "n": 1.5}},
            {"query": (("lang", "en"), ("room", "own"), ("n", "1.5"))},
            id="query parameters replace those of the same name",
        ),
        pytest.param(
            {"query": {"Room": "own"}},
            {"query": (*BASE.query, ("Room", "own"))},
            id="query parameters of another case are others",
        ),
        pytest.param({"namespaces": "/chat"}, {"namespaces": ("/chat",)}, id="one namespace as text"),
        pytest.param(
            {"namespaces": ("/chat?token=x", "/news")},
            {"namespaces": ("/chat", "/news"), "query": (*BASE.query, ("token", "x"))},
            id="the query of a namespace is that of the requests",
        ),
    ],
)
def test_what_is_shown(said: dict[str, Any], changed: dict[str, Any]) -> None:
    shown = identity_of(user(**said), BASE)
    assert {name: getattr(shown, name) for name in Identity.__struct_fields__} == {
        **{name: getattr(BASE, name) for name in Identity.__struct_fields__},
        **changed,
    }


def test_an_attribute_of_one_user_goes_before_its_class() -> None:
    one, other = (user_class := type("Chat", (), {"auth": {"token": "class"}}))(), user_class()
    one.auth = {"token": "one"}
    assert identity_of(one, BASE).auth == {"token": "one"}
    assert identity_of(other, BASE).auth == {"token": "class"}


def test_each_connect_asks_again() -> None:
    tokens = iter(["first", "second"])
    found = user(auth=lambda self: {"token": next(tokens)})
    assert [identity_of(found, BASE).auth["token"] for _ in range(2)] == ["first", "second"]


@pytest.mark.parametrize(
    ("said", "named"),
    [
        pytest.param({"auth": "SECRET"}, "Chat.auth is a value of type str", id="auth as text"),
        pytest.param({"auth": ["SECRET"]}, "Chat.auth is a value of type list", id="auth as a list"),
        pytest.param({"auth": {"a": object()}}, "Chat.auth cannot be written", id="auth without JSON"),
        pytest.param({"auth": {"a": b"SECRET"}}, "Chat.auth cannot be written", id="auth with bytes"),
        pytest.param({"headers": [("A", "SECRET")]}, "Chat.headers is a value of type list", id="no mapping"),
        pytest.param(
            {"headers": {"A": "SECRET\r\nB: c"}}, "Chat.headers has a header", id="two headers in one"
        ),
        pytest.param({"headers": {"A B": "SECRET"}}, "Chat.headers has a header", id="a name with a space"),
        pytest.param({"headers": {"A": "é"}}, "Chat.headers has a header", id="not ASCII"),
        pytest.param({"headers": {"A": None}}, "Chat.headers has None for 'A'", id="None for a value"),
        pytest.param({"headers": {"A": True}}, "Chat.headers has a value of type bool", id="true or false"),
        pytest.param(
            {"headers": {7: "SECRET"}}, "Chat.headers has a value of type int for a name", id="a number"
        ),
        pytest.param(
            {"query": {"": "SECRET"}}, "Chat.query has a value of type str for a name", id="no name"
        ),
        pytest.param({"query": {"sid": "SECRET"}}, "Chat.query has 'sid'", id="Engine.IO's own parameter"),
        pytest.param({"query": {"a": ["SECRET"]}}, "Chat.query has a value of type list", id="a list"),
        pytest.param({"namespaces": "chat"}, "Chat.namespaces has 'chat'", id="a namespace without slash"),
        pytest.param({"namespaces": ["/a,b"]}, "Chat.namespaces has '/a,b'", id="a namespace with a comma"),
        pytest.param({"namespaces": [7]}, "Chat.namespaces has a value of type int", id="a number"),
        pytest.param({"namespaces": []}, "Chat.namespaces is an empty list", id="none at all"),
        pytest.param({"namespaces": {"/a": 1}}, "Chat.namespaces is a value of type dict", id="a mapping"),
        pytest.param({"namespaces": ["/a", "/a?x=1"]}, "Chat.namespaces names one", id="one namespace twice"),
    ],
)
def test_what_cannot_be_sent_names_class_and_attribute(said: dict[str, Any], named: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        identity_of(user(**said), BASE)
    assert named in caught.value.message
    assert "SECRET" not in f"{caught.value.message}{caught.value.hint}{caught.value.__cause__}"


def test_what_a_scenario_raises_is_its_own() -> None:
    def auth(self: object) -> None:
        raise KeyError("token")

    with pytest.raises(KeyError):
        identity_of(user(auth=auth), BASE)


def test_the_main_namespace_is_known_before_a_login() -> None:
    def auth(self: object) -> None:
        raise AssertionError("asked for its login")

    assert main_namespace(user(auth=auth), BASE) == "/"
    assert main_namespace(user(auth=auth, namespaces=["/chat?a=b", "/"]), BASE) == "/chat"


def test_no_setting_may_have_the_name_of_what_every_user_has() -> None:
    with pytest.raises(ScenarioError, match="'headers'"):
        knobs_of([type("Chat", (), {"headers": knob("x", "headers")})])


def test_an_identity_shows_no_secret_where_it_is_printed() -> None:
    shown = repr(Identity({"token": "SECRET"}, (("A", "SECRET"),), (("b", "SECRET"),), ("/chat",)))
    assert "SECRET" not in shown
    assert "/chat" in shown
