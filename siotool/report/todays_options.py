"""The options of a run's command as the command of today takes them: older ones took more."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence

#: Options with values that are looked at here, or that may look like the URL of a target.
VALUED = frozenset(
    [
        *("--config", "--tick-rate", "--web-port", "--server-cores", "--transport-mix"),
        *("--restart-command", "--server", "--server-pid", "--label"),
    ]
)
#: Those that say something about another one, and are refused without it.
_ABOUT = {"--web-port": "--web"}
#: What samples a server also where it is started again, as another process.
_STAYS = frozenset(["--server-admin", "--server-metrics"])
_GATE_ON_SERVER = re.compile(r"\s*server_")


def accepted(options: Sequence[Sequence[str]], *, own: bool) -> Iterator[list[str]]:
    """The options, each with its value, without what is refused today; some as what they did.

    ``own``: siotool starts the target itself, the embedded one or a lab. What a ``--config`` file gave is
    among the options already, and would come back where one of them is left out.
    """
    names = {_name(option) for option in options}
    for option in options:
        name, value = _name(option), _value(option)
        if name == "--config" or _ABOUT.get(name, name) not in names:
            continue
        if name == "--tick-rate" and not own:  # it changed nothing
            continue
        if name == "--server-cores" and not _is_number(value):
            continue
        if name == "--restart-command" and _judges_a_process(options, names):
            continue
        if name == "--transport-mix":
            yield [name, _last_of_each(value)]
        elif re.match(r"(?:http|ws)s?://", name):  # what is behind the # was never sent
            yield [re.sub(r"#[^@]*", "", option[0])]
        else:
            yield [*option]


def _name(option: Sequence[str]) -> str:
    return option[0].partition("=")[0] if option[0].startswith("--") else option[0]


def _value(option: Sequence[str]) -> str:
    return option[1] if len(option) > 1 else option[0].partition("=")[2]


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _judges_a_process(options: Iterable[Sequence[str]], names: set[str]) -> bool:
    """Whether a gate is on a server of which only the process is known: another one after a restart."""
    by_process = "--server-pid" in names or any(
        _name(one) == "--server" and "cgroup:" not in _value(one) for one in options
    )
    gates = (_value(one) for one in options if _name(one) == "--fail-if")
    return by_process and not names & _STAYS and any(map(_GATE_ON_SERVER.match, gates))


def _last_of_each(mix: str) -> str:
    """A mix of transports that names each once: the last share of one went before the others."""
    shares = dict(part.strip().partition("=")[::2] for part in mix.split(","))
    return ",".join(f"{transport}={share}" for transport, share in shares.items())
