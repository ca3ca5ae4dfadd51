"""The first user of a run, made before it begins: the preflight logs in as this user."""

from typing import Any

import msgspec
from locust.env import Environment
from locust.event import Events

from siotool.client.failures import ClientFailure
from siotool.client.identity import Identity
from siotool.client.secret_texts import secrets_of
from siotool.errors import InputError, ScenarioError, TargetError
from siotool.swarm import preflight
from siotool.swarm.config import RunConfig
from siotool.swarm.generator import Generator
from siotool.swarm.redaction import Redaction
from siotool.swarm.row_desk import RowDesk, RowPool
from siotool.swarm.scenario_code import ENDINGS
from siotool.swarm.scenario_file import Scenario, options
from siotool.swarm.scenario_results import line_of_traceback
from siotool.swarm.settings import EngineSettings
from siotool.swarm.user import SocketIOUser

#: How a target refuses a login.
_REFUSALS = ("connect_error", "http_401", "http_403")


class Checked(msgspec.Struct, frozen=True):
    """The settings as the target wants them, and a remark or an empty text."""

    engine: EngineSettings
    remark: str = ""


def check(config: RunConfig, scenario: Scenario) -> Checked:
    """Connect once to each target as the first user of the first user class would (``preflight.check_all``).

    Its ``auth``, ``headers``, ``query`` and ``namespaces`` are asked once. When its code raises, which may
    be for want of what an event hook prepares in the workers, the login is left unchecked.
    Raises ScenarioError for what it says that cannot be sent, or where it sends something already, and for a
    search that its classes do not allow; TargetError, InputError.
    """
    _check_search(config, scenario)
    engine = config.engine
    identity, remark = _identity(config, scenario)
    try:
        found = preflight.check_all(msgspec.structs.replace(engine, identity=identity), config.find_revision)
    except TargetError as error:
        cause = error.__cause__
        _hide_secrets(error, cause, Redaction(secrets_of(identity)))
        if not remark or not isinstance(cause, ClientFailure) or cause.kind not in _REFUSALS:
            raise
        return Checked(engine, remark)
    if found.revision == 3 and identity.auth is not None:
        raise InputError(
            "the target speaks Engine.IO 3, and an auth payload is given",
            "clients of Socket.IO 2 have none: use --query or --header",
        )
    target = msgspec.structs.replace(found.target, namespace=identity.namespaces[0])
    return Checked(msgspec.structs.replace(found, target=target, identity=engine.identity), remark)


def _check_search(config: RunConfig, scenario: Scenario) -> None:
    """Refuse to search how many connections a target holds with users that have none."""
    others = [found.__name__ for found in scenario.user_classes if not issubclass(found, SocketIOUser)]
    if others and config.workload.search in ("users", "connects"):
        raise ScenarioError(
            f"the users of {others[0]} do not connect over Socket.IO: a search for {config.workload.search} "
            "would count them as connections",
            "leave the class out, or search rate or size",
        )


def _hide_secrets(error: TargetError, cause: BaseException | None, redaction: Redaction) -> None:
    """The server's words may hold what the user has shown."""
    error.message = redaction.apply(error.message)
    error.args = tuple(redaction.apply(str(text)) for text in error.args)
    if isinstance(cause, ClientFailure):  # a traceback shows it
        cause.args = (redaction.apply(str(cause)),)


def _identity(config: RunConfig, scenario: Scenario) -> tuple[Identity, str]:
    """What the first user shows; or what the options say of it, and a remark that it could not be asked."""
    engine = config.engine
    classes = [found for found in scenario.user_classes if issubclass(found, SocketIOUser)]
    if not classes:
        return engine.identity, ""
    # hooks of the scenario belong to the run's own environment, and are not called here
    environment = Environment(
        user_classes=scenario.user_classes,
        events=Events(),  # type: ignore[no-untyped-call]
        host=engine.target.url,
        parsed_options=options(engine.target.url),
    )
    rows = None
    if config.users_file is not None:  # its row stays for the first user itself
        rows = RowPool.at(RowDesk(config.users_file))
    generator = Generator(environment, engine, config.workload.seed, 1, config.templates, rows)
    generator.attach(environment)
    base = engine.identity
    try:
        user: Any = classes[0](environment)
        base = user.options_identity
        return user.ask_identity(), ""
    except ScenarioError:
        raise
    except ENDINGS:
        raise
    except BaseException as error:
        where = line_of_traceback(error.__traceback__)
        return base, (
            f"the first user's login was not checked before the run: {type(error).__name__} ({where})"
        )
    finally:
        generator.engine.stop()
