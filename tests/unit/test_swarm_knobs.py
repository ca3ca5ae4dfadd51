import pytest

from siotool.errors import ScenarioError
from siotool.swarm.knobs import Knob, apply, knob, knobs_of, resolve


class Talker:
    flag: bool = knob(True, "says it aloud")
    people: int = knob(10, "how many listen", minimum=1, maximum=1000)
    rate: float = knob(0.5, "times per second", minimum=0.001)
    text: str = knob("hello", "what it says")
    size: int = knob(64, "bytes of it", minimum=0, unit="bytes")
    pause: float = knob(1.0, "seconds between", maximum=60, unit="seconds")
    tone: str = knob("calm", "how it says it", choices=("calm", "loud"))


KNOBS = knobs_of([Talker])


def read(assignment):
    return resolve(KNOBS, [assignment], "talk.py")[assignment.partition("=")[0]]


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        pytest.param("flag=false", False, id="a bool is a word"),
        pytest.param("flag=NO", False, id="in any case"),
        pytest.param("flag=1", True, id="or a bit"),
        pytest.param("flag=on", True, id="or a switch"),
        pytest.param("people=250", 250, id="a bare whole number"),
        pytest.param("people=1k", 1000, id="with a prefix, up to the maximum"),
        pytest.param("people=1", 1, id="down to the minimum"),
        pytest.param("people=1e2", 100, id="in exponents, as long as it is whole"),
        pytest.param("rate=5", 5.0, id="a whole number where any number will do"),
        pytest.param("rate=0.25", 0.25, id="a fraction"),
        pytest.param("text=", "", id="an empty text"),
        pytest.param("text=a=b", "a=b", id="a text with an equals sign"),
        pytest.param("text=10k", "10k", id="a text is not read as a number"),
        pytest.param("size=128", 128, id="a bare number of bytes"),
        pytest.param("size=1kB", 1000, id="kB is 1000"),
        pytest.param("size=1KiB", 1024, id="KiB is 1024"),
        pytest.param("size=0", 0, id="nothing at all"),
        pytest.param("pause=250ms", 0.25, id="a duration with its unit"),
        pytest.param("pause=2", 2.0, id="a bare number of seconds"),
        pytest.param("pause=1min", 60.0, id="a minute"),
        pytest.param("tone=loud", "loud", id="one of the words that are known"),
    ],
)
def test_a_setting_is_read_by_the_type_and_unit_of_its_knob(assignment, value):
    found = read(assignment)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("assignment", "message", "hint"),
    [
        pytest.param("flag=maybe", "'maybe' is not true or false", "aloud", id="no truth value"),
        pytest.param("flag=", "'' is not true or false", "aloud", id="an empty truth value"),
        pytest.param(
            "tone=laud", "tone is calm or loud, not 'laud'", "did you mean loud?", id="a word like it"
        ),
        pytest.param("tone=", "tone is calm or loud, not ''", "", id="no word"),
        pytest.param("people=2.5", "'2.5' is not a whole number", "listen", id="a fraction of a person"),
        pytest.param("people=0", "out of range", "at least 1 and at most 1000", id="below the minimum"),
        pytest.param("people=1001", "out of range", "at most 1000", id="above the maximum"),
        pytest.param("people=many", "not a quantity", "", id="a word for a number"),
        pytest.param("people=²", "not a quantity", "", id="a digit that is none"),
        pytest.param("people=" + "9" * 400, "not a finite number", "", id="more than a float can hold"),
        pytest.param("people=10MB", "has the unit 'MB'", "", id="bytes for people"),
        pytest.param("rate=" + "9" * 400, "not a finite number", "", id="an infinite rate"),
        pytest.param("rate=nan", "not a finite number", "", id="no number"),
        pytest.param("rate=-1", "out of range", "at least 0.001", id="a negative rate"),
        pytest.param("size=1.5B", "'1.5B' is not a size", "bytes of it", id="half a byte"),
        pytest.param("size=8b", "has the unit 'b'", "ambiguous", id="a lone b"),
        pytest.param("size=10s", "has the unit 's'", "", id="seconds for bytes"),
        pytest.param("pause=61s", "out of range", "at most 60", id="a range counts in the knob's unit"),
        pytest.param("pause=2kB", "has the unit 'kB'", "", id="bytes for seconds"),
        pytest.param("flag", "has no value", "key=value", id="no equals sign"),
        pytest.param("paus=1s", "talk.py has no setting 'paus'", "did you mean pause?", id="a slip"),
        pytest.param("zzz=1", "talk.py has no setting 'zzz'", "flag, people, rate", id="a wild guess"),
        pytest.param("=1", "talk.py has no setting ''", "flag, people", id="no name"),
    ],
)
def test_a_wrong_setting_is_refused_with_a_remedy(assignment, message, hint):
    with pytest.raises(ScenarioError) as caught:
        read(assignment)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_scenario_without_settings_says_so():
    with pytest.raises(ScenarioError) as caught:
        resolve({}, ["rate=1"], "idle.py")
    assert caught.value.hint == "its settings: none"


def test_defaults_fill_what_is_not_set_and_the_last_assignment_wins():
    settings = resolve(KNOBS, ["rate=1", "rate=2"], "talk.py")
    assert settings == {
        "flag": True,
        "people": 10,
        "rate": 2.0,
        "text": "hello",
        "size": 64,
        "pause": 1.0,
        "tone": "calm",
    }
    assert list(settings) == list(KNOBS)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("flag", "bool"),
        ("people", "int"),
        ("rate", "float"),
        ("text", "str"),
        ("size", "size"),
        ("pause", "duration"),
    ],
)
def test_a_knob_has_a_word_for_what_it_accepts(name, word):
    assert KNOBS[name].type_name == word


def test_reading_a_knob_gives_its_default_until_it_is_set():
    class Local(Talker):
        pass

    assert (Local.rate, Local().rate) == (0.5, 0.5)
    apply([Local], resolve(knobs_of([Local]), ["rate=3"], "x"))
    assert (Local.rate, Local().rate) == (3.0, 3.0)
    assert (Talker.rate, Talker().rate) == (0.5, 0.5), "the base class keeps its own"
    assert isinstance(vars(Talker)["rate"], Knob)


def test_a_derived_class_may_declare_a_knob_anew():
    class Quick(Talker):
        rate: float = knob(9.0, "times per second, quickly")

    assert knobs_of([Quick])["rate"].default == 9.0
    assert list(knobs_of([Quick])) == list(KNOBS), "in its old place"


def test_a_plain_value_in_a_derived_class_is_no_knob_and_stays():
    class Fixed(Talker):
        rate: float = 7.0

    found = knobs_of([Fixed])
    assert "rate" not in found
    apply([Fixed], resolve(found, ["people=5"], "x"))
    assert (Fixed.rate, Fixed.people) == (7.0, 5)


def test_classes_that_share_a_base_share_its_knobs():
    class One(Talker):
        pass

    class Two(Talker):
        loud: bool = knob(False, "shouts")

    found = knobs_of([One, Two])
    assert list(found) == [*KNOBS, "loud"]
    apply([One, Two], resolve(found, ["rate=4", "loud=yes"], "x"))
    assert (One.rate, Two.rate, Two.loud) == (4.0, 4.0, True)
    assert not hasattr(One, "loud")


def test_a_base_and_its_derived_class_may_both_be_users():
    class Base:
        rate: float = knob(1.0, "per second")

    class Derived(Base):
        pass

    apply([Base, Derived], resolve(knobs_of([Base, Derived]), ["rate=4"], "x"))
    assert (Base.rate, Derived.rate) == (4.0, 4.0)


def test_one_name_for_two_settings_is_refused():
    class One:
        rate: float = knob(1.0, "calls per second")

    class Two:
        rate: float = knob(5.0, "messages per second")

    with pytest.raises(
        ScenarioError, match="Two and another user class have different settings named 'rate'"
    ):
        knobs_of([One, Two])


class Caller:
    event: str = knob("talk", "event that it emits")
    join_event: str = knob("join", "event that it joins by")
    prevent: str = knob("no", "what it prevents")


@pytest.mark.parametrize("name", ["event", "join_event"])
@pytest.mark.parametrize(
    "reserved", ["connect", "connect_error", "disconnect", "disconnecting", "newListener"]
)
def test_a_reserved_event_name_is_refused_as_the_official_client_refuses_it(name, reserved):
    with pytest.raises(ScenarioError, match=f"--set {name}: '{reserved}' is a reserved event name"):
        resolve(knobs_of([Caller]), [f"{name}={reserved}"], "talk.py")


@pytest.mark.parametrize("odd", ["", "a|b", "größe 🚀", "<script>", "*", "__proto__", "Connect", "x" * 5000])
def test_an_odd_event_name_is_legal(odd):
    assert resolve(knobs_of([Caller]), [f"event={odd}"], "talk.py")["event"] == odd


def test_a_knob_that_names_no_event_may_hold_a_reserved_word():
    assert resolve(knobs_of([Caller]), ["prevent=disconnect"], "talk.py")["prevent"] == "disconnect"
