"""Scenarios under plain ``locust -f FILE.py``: options on Locust's command line, and the users' generator.

Rows of a users file come from the process with the file: Locust's master, or the only process there is.
"""

import logging
import sys
from pathlib import Path
from random import SystemRandom
from time import monotonic
from typing import Any

import gevent
from locust import events
from locust.runners import MasterRunner, WorkerRunner

from siotool.client.address import resolve
from siotool.client.identity import Identity
from siotool.client.identity_options import identity
from siotool.errors import SiotoolError, TargetError
from siotool.swarm import knobs, locust_output, users_file
from siotool.swarm.generator import Generator
from siotool.swarm.own_values import OwnValues
from siotool.swarm.redaction import Redaction
from siotool.swarm.row_desk import RowDesk, RowPool
from siotool.swarm.settings import EngineSettings
from siotool.workload import Target

#: Custom messages: a worker asks the master for rows, and the master answers.
_WANTED = "siotool_rows_wanted"
_ROWS = "siotool_rows"
#: What the options may be called besides in the environment: SIOTOOL_AUTH.
_OPTIONS = (
    ("--set", "KEY=VALUE", True, "setting of a siotool scenario; repeatable"),
    ("--auth", "JSON", False, "Socket.IO auth payload, an object; @FILE reads it"),
    ("--header", "'NAME: VALUE'", True, "HTTP header of Socket.IO connections; repeatable"),
    ("--query", "KEY=VALUE", True, "query parameter of Socket.IO connections; repeatable"),
    ("--namespace", "NAME", True, "Socket.IO namespace to join; repeatable"),
    (
        "--users-file",
        "FILE",
        False,
        "CSV or JSONL with a row for each user: {column} in --set, --auth, --header, --query",
    ),
)


def generator_of(environment: Any) -> Generator:
    """The environment's generator; under plain Locust, made at the first user."""
    found = getattr(environment, "siotool_generator", None)
    if found is None:
        found = _make(environment)
    assert isinstance(found, Generator)
    return found


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def _add_options(parser: Any, **_: Any) -> None:
    """``locust -f echo.py --set rate=5 --users-file users.csv`` under plain Locust."""
    for flag, shown, repeatable, words in _OPTIONS:
        # of a list Locust's web UI would make numbers
        more: dict[str, Any] = {"action": "append"} if repeatable else {}
        parser.add_argument(
            flag,
            metavar=shown,
            help=words,
            env_var="SIOTOOL_" + flag.removeprefix("--").replace("-", "_").upper(),
            include_in_web_ui=flag == "--set",
            default=None,
            **more,
        )
    parser.add_argument(
        "--reuse-rows",
        action="store_true",
        help="users may share rows of the users file",
        env_var="SIOTOOL_REUSE_ROWS",
        include_in_web_ui=False,
    )


@events.init.add_listener  # type: ignore[untyped-decorator]
def _open_desk(environment: Any, runner: Any, **_: Any) -> None:
    """Read the users file, and hand out its rows; ends Locust with exit 2 for bad input."""
    options = environment.parsed_options
    if not getattr(options, "users_file", None) or isinstance(runner, WorkerRunner):
        return
    try:
        desk = RowDesk(_users_file(environment, options))
    except SiotoolError as error:
        sys.exit(_complaint(error))
    environment.siotool_rows = RowPool.at(desk)
    if isinstance(runner, MasterRunner):

        def wanted(environment: Any, msg: Any) -> None:
            answer = {"asked": msg.data["count"], "rows": desk.take(msg.data["count"])}
            runner.send_message(_ROWS, answer, client_id=msg.node_id)

        runner.register_message(_WANTED, wanted)


def _complaint(error: SiotoolError) -> int:
    print(f"siotool: {error.message}\n  {error.hint}", file=sys.stderr)
    return int(error.exit_code)


def _users_file(environment: Any, options: Any) -> users_file.UsersFile:
    assignments = _assignments(options)
    templates = knobs.templates(assignments, with_rows=True)
    own = OwnValues(_identity(options), templates, with_rows=True)
    known = knobs.knobs_of(environment.user_classes)
    knobs.resolve(known, assignments, "scenario", templates)
    found = users_file.load(Path(options.users_file), own, known, reuse=options.reuse_rows)
    if options.headless and environment.shape_class is None:
        found.check_enough(options.num_users or 1)
    return found


def _assignments(options: Any) -> list[str]:
    """What --set says: a list of the command line, or the text of a field in Locust's web UI."""
    given = getattr(options, "set", None) or []
    parts = given.split(",") if isinstance(given, str) else given
    return [part.lstrip() for part in parts if part.strip()]


def _identity(options: Any) -> Identity:
    return identity(
        getattr(options, "auth", None),
        getattr(options, "header", None) or [],
        getattr(options, "query", None) or [],
        getattr(options, "namespace", None) or [],
    )


def _rows(environment: Any, options: Any) -> RowPool | None:
    """Rows for the users of this process; a worker asks the master for them."""
    if not getattr(options, "users_file", None):
        return None
    found: RowPool | None = getattr(environment, "siotool_rows", None)
    if found is None:  # a worker, in its first test
        runner = environment.runner
        pool = found = RowPool(lambda count: runner.send_message(_WANTED, {"count": count}))
        runner.register_message(
            _ROWS, lambda environment, msg: pool.deliver(msg.data["asked"], msg.data["rows"])
        )
        environment.siotool_rows = pool
    return found


def _make(environment: Any) -> Generator:
    """Take host and settings from Locust's command line; reports go to Locust's statistics only."""
    options = environment.parsed_options
    target = Target(url=environment.host or "")
    if "://" not in target.url:
        raise TargetError("no target", "give one with --host http://…")
    rows = _rows(environment, options)
    assignments = _assignments(options)
    templates = knobs.templates(assignments, with_rows=rows is not None)
    settings = knobs.resolve(knobs.knobs_of(environment.user_classes), assignments, "scenario", templates)
    declared = {found: knobs.of_class(found) for found in environment.user_classes}
    knobs.apply(environment.user_classes, settings, templates)
    generator = Generator(
        environment,
        EngineSettings(
            target=target,
            addresses=resolve(target),
            run=SystemRandom().getrandbits(64),
            identity=_identity(options),
            worker=max(0, getattr(environment.runner, "worker_index", 0)),
        ),
        seed=0,
        templates=templates,
        rows=rows,
        redaction=_redaction(environment),
    )
    generator.attach(environment)
    generator.begin(monotonic())

    def forget(**_: Any) -> None:
        generator.finish()
        generator.engine.stop()
        generator.detach(environment)
        environment.events.test_stop.remove_listener(forget)
        for user_class, found in declared.items():  # for the next test, which may have other settings
            for name, declaration in found.items():
                setattr(user_class, name, declaration)

    def discard() -> None:
        while environment.siotool_generator is generator:
            generator.take_reports()
            gevent.sleep(1)

    environment.events.test_stop.add_listener(forget)
    gevent.spawn_later(1, discard)
    return generator


class _RedactedLines(logging.Formatter):
    """Formats as another formatter does, without secrets."""

    def __init__(self, behind: logging.Formatter, redaction: Redaction) -> None:
        super().__init__()
        self._behind = behind
        self._redaction = redaction

    def format(self, record: logging.LogRecord) -> str:
        """One record, and its traceback."""
        return self._redaction.apply(self._behind.format(record))


def _redaction(environment: Any) -> Redaction:
    """What hides secrets in Locust's log, and in what its CSV, HTML and UI show of exceptions and failures.

    One for all tests of a process.
    """
    known: Redaction | None = getattr(environment, "siotool_redaction", None)
    if known is not None:
        return known
    redaction = environment.siotool_redaction = Redaction()
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_RedactedLines(handler.formatter or logging.Formatter(), redaction))
    if isinstance(environment.runner, WorkerRunner):
        locust_output.redact_messages(environment.runner, redaction)
    elif environment.runner is not None:
        locust_output.redact_exceptions(environment.runner, redaction)
        locust_output.redact_failures(environment.stats, redaction)
    return redaction
