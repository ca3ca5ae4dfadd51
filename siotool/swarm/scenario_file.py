"""Scenarios: loading the locustfiles that say what users do."""

import importlib.util
import inspect
import sys
import traceback
from argparse import Namespace
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from types import ModuleType

from locust import LoadTestShape, User
from locust.argument_parser import get_parser

from siotool.errors import ScenarioError
from siotool.protocol.reconnection import Reconnection
from siotool.swarm.connected_user import follows_schedule
from siotool.swarm.knobs import Knob, knobs_of
from siotool.swarm.reconnection_rules import rule_of
from siotool.swarm.scenario_code import ENDINGS
from siotool.swarm.unrun_code import refuse_unrun_tasks
from siotool.swarm.user import SocketIOUser


@dataclass
class Scenario:
    """A loaded scenario; ``shape`` decides how many users there are, where it says so itself."""

    path: Path
    description: str
    user_classes: list[type[User]]
    shape: LoadTestShape | None = None

    @property
    def name(self) -> str:
        """What it is called on the command line and in reports."""
        return self.path.stem

    @property
    def knobs(self) -> dict[str, Knob]:
        """Its settings."""
        return knobs_of(list(self.user_classes))


def load(path: Path) -> Scenario:
    """Run a scenario file and collect its user classes. Raises ScenarioError naming the line."""
    module_name = f"siotool_scenario_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ScenarioError(f"{path} cannot be loaded as Python", "give a .py file")
    module = importlib.util.module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # for what the user keeps beside it, as under plain Locust
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise ScenarioError(
            f"{_place(path, error)}: {type(error).__name__}: {error}", "the scenario does not load"
        ) from error
    user_classes = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, User) and not value.abstract
    ]
    if not any(issubclass(found, SocketIOUser) for found in user_classes):
        raise ScenarioError(f"{path} has no user class", "derive one from siotool.swarm.user.SocketIOUser")
    for found in user_classes:
        if not found.tasks:
            raise ScenarioError(f"{path}: {found.__name__} has no task", "give it a method marked @task")
        refuse_unrun_tasks(found)
    if not any(found.weight > 0 or found.fixed_count > 0 for found in user_classes):
        raise ScenarioError(f"{path}: every user class has the weight 0", "give one a weight above 0")
    return Scenario(path, inspect.getdoc(module) or "", user_classes, _shape(path, module))


def _shape(path: Path, module: ModuleType) -> LoadTestShape | None:
    shapes = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, LoadTestShape)
        and value.__module__ == module.__name__
        and not value.abstract
    ]
    if len(shapes) > 1:
        names = ", ".join(shape.__name__ for shape in shapes)
        raise ScenarioError(
            f"{path} has several load shapes: {names}", "keep one of them, or mark the others abstract"
        )
    if not shapes:
        return None
    try:
        made: LoadTestShape = shapes[0]()
    except ENDINGS:
        raise
    except BaseException as error:
        raise ScenarioError(
            f"{_place(path, error)}: {type(error).__name__}: {error}", "the load shape cannot be made"
        ) from error
    return made


def options(host: str) -> Namespace:
    """The options of Locust's own command line: every default, and the target.

    Scenarios read it as ``environment.parsed_options``, and may have added options of their own.
    """
    parser = get_parser(default_config_files=[])
    parsed: Namespace = parser.parse_args(["--host", host], env_vars={})
    return parsed


def check_schedules(scenario: Scenario) -> None:
    """Refuse a rate at which nothing is ever due, arrivals that nobody follows, delays that cannot be.

    Raises ScenarioError.
    """
    ours = [found for found in scenario.user_classes if issubclass(found, SocketIOUser)]
    for user_class in ours:
        rate = user_class.rate
        if not issubclass(type(rate), Real) or not 0 < rate < float("inf"):
            raise ScenarioError(
                f"{user_class.__name__} has the rate {rate!r}", "it must be a number above 0, per second"
            )
        rule_of(user_class, Reconnection())
    if any(found.arrival == "poisson" for found in ours) and not any(map(follows_schedule, ours)):
        raise ScenarioError(
            f"arrival=poisson, but no user class of {scenario.name} follows a schedule",
            "a wait_time of its own makes a closed model: remove it, or the setting",
        )


def _place(path: Path, error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.lineno:
        return f"{error.filename}:{error.lineno}"
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)
    ]
    return f"{path}:{lines[-1]}" if lines else str(path)
