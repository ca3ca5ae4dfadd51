"""Commands whose options are also environment variables and keys of ``--config FILE.toml``.

What a variable or the file gives becomes arguments in front of those that were typed. So it is read,
refused and recorded as if it had been typed.
"""

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from siotool.cli import environment
from siotool.cli.help_pages import FoldedHelp
from siotool.cli.known_options import Given, known
from siotool.cli.precedence import compose
from siotool.cli.read_files import check_read_files
from siotool.cli.secret_options import drop_variables
from siotool.cli.streams import say
from siotool.errors import InputError, SiotoolError

CONFIG = "config"

#: The keys of ``Composed`` and of the ``--config`` file in a context's ``meta``.
_COMPOSED, _FILE = "siotool.composed", "siotool.config"


def command_of(ctx: typer.Context) -> list[str]:
    """Return the command with all its arguments, as it could have been typed."""
    return [*_path(ctx), *ctx.meta[_COMPOSED].arguments]


def _path(ctx: Any) -> list[str]:
    """Return the names of a command and of those above it, without the program's."""
    return [*_path(ctx.parent), str(ctx.info_name)] if ctx.parent else []


class ConfiguredCommand(FoldedHelp, TyperCommand):
    """A command that takes its options from variables and a file too."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.params.append(_config_option())

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments, and in front of them what variables and file give."""
        return _parse(self, ctx, args, super().parse_args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an error about an option says where that was given."""
        return _explained(ctx, super().invoke)


class ConfiguredGroup(FoldedHelp, TyperGroup):
    """The same for a command with commands below it, which have variables and keys of their own."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.params.append(_config_option())

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments, and in front of them what variables and file give."""
        if args and args[0] in self.commands:
            return super().parse_args(ctx, args)
        return _parse(self, ctx, args, super().parse_args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an error about an option says where that was given."""
        return _explained(ctx, super().invoke)


def _parse(
    command: Any, ctx: Any, arguments: list[str], parse: Callable[[Any, list[str]], list[str]]
) -> list[str]:
    if ctx.resilient_parsing:  # a shell completes half a command
        return parse(ctx, arguments)
    typed = _typed(command, ctx, arguments)
    if "help" in typed:  # it is shown beside a file that is wrong, too
        return parse(ctx, arguments)
    options = known(command.get_params(ctx))
    prefix = "_".join(("SIOTOOL", *_path(ctx), "")).upper().replace("-", "_")
    from_variables = environment.read(os.environ, prefix, options)
    drop_variables(os.environ)
    file = typed.get(CONFIG) or (from_variables[CONFIG].values[0] if CONFIG in from_variables else None)
    from_file: dict[str, Given] = {}
    if file is not None:
        from siotool.cli import config_file

        in_a_file = {name: option for name, option in options.items() if name != CONFIG}
        from_file = config_file.read(str(file), in_a_file)
    composed = compose(arguments, typed, (from_variables, from_file), options)
    ctx.meta[_COMPOSED], ctx.meta[_FILE] = composed, "" if file is None else str(file)
    try:
        rest = parse(ctx, list(composed.arguments))  # the parser empties what it gets
    except typer.BadParameter as error:
        names = set(getattr(error.param, "opts", ()))
        origin = next((origin for flag, origin in composed.origins.items() if flag in names), "")
        error.message += f" It is from {origin}." if origin else ""
        raise
    if not ctx.params.get("quiet"):
        _warn(environment.unknown(os.environ, prefix, options, list(getattr(command, "commands", ()))))
    return rest


def _typed(command: Any, ctx: Any, arguments: list[str]) -> dict[str, object]:
    """Return what was typed, by option."""
    parameters = {parameter.name: parameter for parameter in command.get_params(ctx)}
    found, _, _ = command.make_parser(ctx).parse_args(list(arguments))
    typed = {name: value for name, value in found.items() if value not in (None, ())}
    names = {option.parameter: name for name, option in known(parameters.values()).items()}
    return {names.get(parameter, parameter): value for parameter, value in typed.items()}


def _warn(unknown: Mapping[str, str]) -> None:
    for name, nearest in unknown.items():
        say(f"{name} is no option's variable" + (f"; did you mean {nearest}?" if nearest else ""))


def _explained(ctx: Any, run: Callable[[Any], Any]) -> Any:
    try:
        check_read_files(ctx.info_name, ctx.command.get_params(ctx), ctx.params, ctx.meta.get(_FILE, ""))
        return run(ctx)
    except SiotoolError as error:
        composed = ctx.meta.pop(_COMPOSED, None)  # a group above gets the same error, explained
        spellings = {flag: one.opts for one in ctx.command.get_params(ctx) for flag in one.opts}
        for flag, origin in composed.origins.items() if composed else ():
            if any(_named(spelling, error.message) for spelling in spellings.get(flag, [flag])):
                error.message += f" ({flag} is from {origin})"
        raise


def _named(flag: str, message: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(flag)}(?![\w-])", message) is not None


def refuse_before_command(ctx: Any) -> None:
    """Raise InputError for an option of a group, typed before a command below it: it would be dropped."""
    name, composed = ctx.invoked_subcommand, ctx.meta.get(_COMPOSED)
    elsewhere = set(composed.origins) if composed else set()
    below = {flag for parameter in ctx.command.get_command(ctx, name).params for flag in parameter.opts}
    for parameter in ctx.command.params:
        source = ctx.get_parameter_source(parameter.name)
        if source is None or source.name != "COMMANDLINE" or elsewhere & set(parameter.opts):
            continue
        flag = next((one for one in parameter.opts if one.startswith("--")), parameter.opts[0])
        command = " ".join(["siotool", *_path(ctx), name])
        if flag in below:
            raise InputError(f"{flag} belongs behind {name}", f"{command} {flag} …")
        raise InputError(f"{command} has no {flag}: before {name} it says nothing", f"leave {flag} out")


def _config_option() -> TyperOption:
    return TyperOption(
        param_decls=[f"--{CONFIG}"],
        metavar="FILE.toml",
        expose_value=False,
        help="Options of this command, by name, from a file (docs/configuration.md).",
    )
