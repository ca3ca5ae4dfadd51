"""``siotool plan init``: a commented plan file to start from."""

import sys
from typing import Annotated

import typer

from siotool.cli.streams import say
from siotool.errors import InputError, OutputError


def init(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Where to write it; - is stdout.")
    ] = "plan.toml",
    *,
    connections: Annotated[
        str | None, typer.Option(metavar="COUNT", help="Concurrent sessions over the whole service.")
    ] = None,
    message: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:KIND:RATE[:SIZE[:ROOM]]",
            help="A kind of message: chat:room:1/min:200B:50. KIND is echo, emit, direct, room, "
            "broadcast, push or announce. Repeatable.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any other key: server.memory=16GiB."),
    ] = None,
) -> None:
    r"""Write a commented plan file, from flags or from a few questions.

    On a terminal it asks for what no flag gave. No file is overwritten.

    Examples:

    ```
    siotool plan init chat.toml --connections 100k..200k \
      --message chat:room:1/min:200B:50 --set server.capacity=1Gbit/s

    siotool plan init - --connections 50k
    ```
    """
    from siotool.cli import output
    from siotool.cli.plan_options import assigned
    from siotool.plan.inputs import compose, fields, planfile, template

    messages = [_message(text) for text in message or []]
    filled_in: list[str] = []
    twice = next((name for name, _ in messages if [n for n, _ in messages].count(name) > 1), None)
    if twice is not None:
        raise InputError(f"--message {twice} is given twice", "give each kind of message a different name")
    given = assigned(settings or [])
    if connections is not None:
        if "workload.connections" in given:
            raise InputError(
                "--connections and --set workload.connections both say what workload.connections is",
                "give one of them",
            )
        given["workload.connections"] = connections
    if not (given or messages) and sys.stdin.isatty() and sys.stderr.isatty():
        given, messages, filled_in = _ask()
    needed = {"workload.connections": "100k"}
    if "server.bandwidth_out" not in given:
        needed["server.capacity"] = "1Gbit/s"
    if not messages:
        needed["workload.consumption_rate"] = "2KB/s"
    filled_in += [key for key in needed if key not in given]
    given = needed | given
    if file != "-":
        _refuse_existing(file)
    text = template.render(given, dict(messages), file, filled_in)
    # what was typed is refused now, not when the plan is made
    compose.complete(planfile.decode(text, "the new plan file"))
    unknown = [key for key in given if key not in {field.key for field in fields.FIELDS}]
    if unknown:
        raise planfile.unknown(unknown[0], [field.key for field in fields.FIELDS], "--set")
    try:
        output.write(text, file)
    except OutputError as error:
        raise OutputError(error.message, "name a file in a folder that is there, or - for stdout") from error
    if file != "-":
        say(f"wrote {file}; next: siotool plan {file}")


def _message(text: str) -> tuple[str, dict[str, str]]:
    parts = text.split(":")
    if not 3 <= len(parts) <= 5 or not all(parts):
        raise InputError(
            f"--message {text!r} is not NAME:KIND:RATE[:SIZE[:ROOM]]", "for example chat:room:1/min:200B:50"
        )
    return parts[0], dict(zip(("kind", "rate", "size", "room_size"), parts[1:], strict=False))


def _refuse_existing(file: str) -> None:
    from pathlib import Path

    if Path(file).exists():
        raise OutputError(f"{file} is there already", "choose another name, or remove it first")


def _ask() -> tuple[dict[str, str], list[tuple[str, dict[str, str]]], list[str]]:
    """Ask what a plan cannot do without; an empty answer takes the default, and its key is returned too."""
    filled_in: list[str] = []

    def ask(key: str, question: str, default: str) -> str:
        # not shown as a default, it comes back empty, and so differs from the same answer typed
        answer = str(typer.prompt(f"{question} [{default}]", default="", show_default=False, err=True))
        if not answer:
            filled_in.append(key)
        return answer or default

    given = {
        key: ask(key, question, default)
        for key, question, default in (
            ("workload.connections", "Concurrent sessions (or a range: 50k..100k)", "100k"),
            ("workload.session_length", "How long does a session last", "30min"),
        )
    }
    place = f"workload.messages.{_ASKED}"
    kind = ask("", "What is sent most: echo, emit, direct, room, broadcast, push or announce", "room")
    message = {
        "kind": kind,
        "rate": ask(f"{place}.rate", "How often, per session", "1/min"),
        "size": ask(f"{place}.size", "How large is its payload", "200B"),
    }
    if kind == "room":
        message["room_size"] = ask(f"{place}.room_size", "How many are in a room", "50")
    for key, question, default in (
        ("server.capacity", "Network of one server", "1Gbit/s"),
        ("server.memory", "Memory of one server", "8GiB"),
        ("server.processes", "Socket.IO processes on one server", "1"),
        ("topology.adapter", "Adapter (none, cluster, redis, redis-sharded, …)", "redis"),
    ):
        given[key] = ask(key, question, default)
    return given, [(_ASKED, message)], [key for key in filled_in if key]


#: The name of the kind of message that was asked about.
_ASKED = "message"
