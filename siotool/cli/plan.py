"""``siotool plan``: from figures to a number of servers."""

from enum import StrEnum
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from siotool.cli.endings import by_ending
from siotool.cli.streams import complain, say
from siotool.errors import ExitCode, InputError

_EXAMPLE = "siotool plan --connections 1M --consumption-rate 2KB/s --capacity 100MB/s"


class Format(StrEnum):
    """How the plan is written."""

    TEXT = "text"
    JSON = "json"
    MD = "md"
    HTML = "html"
    HPA = "hpa"
    KEDA = "keda"


#: Formats for an autoscaler: of a plan that has no fleet there is nothing to write.
_MANIFESTS = (Format.HPA, Format.KEDA)


class FileFirst(TyperGroup):
    """``siotool plan FILE …`` beside ``siotool plan init``: what is no subcommand is the plan file."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Turn a leading plan file into ``--file``."""
        if args and not args[0].startswith("--") and args[0] not in ("-h", *self.commands):
            if args[0] != "-" and args[0].startswith("-"):
                return super().parse_args(ctx, args)
            if len(args) > 1 and not args[1].startswith("-"):
                raise InputError(
                    f"one plan file at a time, not {args[0]} and {args[1]}",
                    f"to compare them: siotool plan diff {args[0]} {args[1]}",
                )
            args = ["--file", *args]
        return super().parse_args(ctx, args)


def plan(
    ctx: typer.Context,
    *,
    file: Annotated[
        str | None,
        typer.Option("--file", "-f", metavar="PLAN.toml", help="Plan file; may also come first. - is stdin."),
    ] = None,
    connections: Annotated[
        str | None,
        typer.Option(metavar="COUNT", help="Concurrent sessions over the whole service: 250, 10k, 1M."),
    ] = None,
    consumption_rate: Annotated[
        str | None,
        typer.Option(metavar="RATE", help="Average bandwidth of one session: 2KB/s, 16kbit/s."),
    ] = None,
    downtime: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Time per workday a server is out of service.", show_default="0"),
    ] = None,
    workday: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Time the service works per day: 8h.", show_default="24h"),
    ] = None,
    capacity: Annotated[
        str | None,
        typer.Option(metavar="RATE", help="Bandwidth one server can process: 100MB/s, 1Gbit/s."),
    ] = None,
    utilization: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help="Share of the capacity you will use.", show_default="70%"),
    ] = None,
    availability_target: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE", help="Share of the time enough servers must be in service.", show_default="99.9%"
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A key of the plan file: topology.adapter=redis."),
    ] = None,
    runs: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="RUN[@NODES]", help="Take costs from measured runs. Repeatable."),
    ] = None,
    verify: Annotated[
        str | None, typer.Option(metavar="RUN", help="Compare what the plan predicts with what a run saw.")
    ] = None,
    accept_suspect: Annotated[
        bool, typer.Option("--accept-suspect", help="Learn from runs that cannot be trusted, too.")
    ] = False,
    same_target: Annotated[
        bool, typer.Option("--same-target", help="The runs are of one service, whatever its address was.")
    ] = False,
    max_servers: Annotated[
        str | None,
        typer.Option(metavar="COUNT", help="Gate: exit 4 when the plan needs more servers than this."),
    ] = None,
    prices: Annotated[
        str | None,
        typer.Option(metavar="PRICES.toml", help="Shapes of servers and their prices: what it costs."),
    ] = None,
    shape: Annotated[
        str | None, typer.Option(metavar="NAME", help="Plan with this shape of the price file as the server.")
    ] = None,
    max_cost: Annotated[
        str | None,
        typer.Option(metavar="AMOUNT", help="Gate: exit 4 when a month costs more: 5000, '5k USD'."),
    ] = None,
    date: Annotated[
        str | None,
        typer.Option(metavar="DAY", help="First day of the forecast: 2026-12-31.", show_default="today"),
    ] = None,
    lead_time: Annotated[
        str | None, typer.Option(metavar="TIME", help="Time from deciding on servers to having them: 60d.")
    ] = None,
    deployment: Annotated[
        str | None, typer.Option(metavar="NAME", help="What hpa and keda manifests scale.")
    ] = None,
    kube_namespace: Annotated[
        str, typer.Option(metavar="NAME", help="Its Kubernetes namespace.")
    ] = "default",
    prometheus: Annotated[
        str | None, typer.Option(metavar="URL", help="Prometheus, for keda: http://prometheus:9090.")
    ] = None,
    pod_start: Annotated[
        str, typer.Option(metavar="TIME", help="From asking for a pod to its taking connections.")
    ] = "60s",
    draws: Annotated[
        int, typer.Option(min=100, max=1_000_000, help="Worlds drawn from the ranges.")
    ] = 10_000,
    seed: Annotated[int, typer.Option(help="Another seed, other draws; the same one, the same plan.")] = 1,
    output_format: Annotated[
        Format | None,
        typer.Option("--format", help="How to write the plan.", show_default="by the name of -o, or text"),
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Where to write it; - is stdout.")
    ] = "-",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.")] = False,
) -> None:
    r"""Size a fleet from planned figures.

    Shows servers = connections × consumption rate × (1 − downtime / workday) /
    (capacity × utilization), and behind it every resource that can run out,
    the days the fleet must survive, and what is uncertain.

    Every figure may be a range, such as 80MB/s..120MB/s (90 % sure), or with
    its most likely value 80MB/s..100MB/s..120MB/s.

    A shape of the price file stands for one server: its cores are processes, its
    bandwidth is capacity and network both ways.

    Examples:

    ```
    siotool plan --connections 1M --consumption-rate 2KB/s \
      --downtime 0.5h --capacity 100MB/s --utilization 70%

    siotool plan --connections 50k..80k --consumption-rate 16kbit/s \
      --capacity 1Gbit/s --max-servers 2 --format json -o plan.json

    siotool plan --connections 500k --consumption-rate 2KB/s --capacity 1Gbit/s \
      --set workload.growth=40% --date 2026-06-30 --lead-time 60d
    ```
    """
    if ctx.invoked_subcommand is not None:
        return
    run(
        flags_of(
            connections=connections,
            consumption_rate=consumption_rate,
            downtime=downtime,
            workday=workday,
            capacity=capacity,
            utilization=utilization,
            availability_target=availability_target,
        ),
        settings or [],
        file=file,
        runs=runs or [],
        verify=verify,
        accept_suspect=accept_suspect,
        same_target=same_target,
        max_servers=max_servers,
        asked={
            "prices": prices,
            "shape": shape,
            "max_cost": max_cost,
            "date": date,
            "lead_time": lead_time,
            "deployment": deployment,
            "kube_namespace": kube_namespace,
            "prometheus": prometheus,
            "pod_start": pod_start,
        },
        draws=draws,
        seed=seed,
        output_format=output_format or Format(by_ending(output, ("json", "md", "html"))),
        output=output,
        quiet=quiet,
    )


#: The formula's own flags and their keys in a plan file.
_FLAGS = (
    ("connections", "workload.connections"),
    ("consumption_rate", "workload.consumption_rate"),
    ("downtime", "goals.downtime"),
    ("workday", "goals.workday"),
    ("capacity", "server.capacity"),
    ("utilization", "server.utilization"),
    ("availability_target", "goals.availability"),
)


def flags_of(**given: str | None) -> dict[str, tuple[str, str | None]]:
    """Return the formula's flags, by their names in Python, as ``run`` wants them."""
    return {key: (f"--{name.replace('_', '-')}", given.get(name)) for name, key in _FLAGS}


def run(
    flags: dict[str, tuple[str, str | None]],
    settings: list[str],
    *,
    file: str | None = None,
    runs: list[str] | None = None,
    verify: str | None = None,
    accept_suspect: bool = False,
    same_target: bool = False,
    max_servers: str | None = None,
    asked: dict[str, Any] | None = None,
    draws: int = 10_000,
    seed: int = 1,
    output_format: Format = Format.TEXT,
    output: str = "-",
    quiet: bool = False,
) -> None:
    """Make one plan and write it; ``flags`` as for ``plan_options.typed``, ``asked`` as ``plan_extras``."""
    import msgspec

    from siotool.cli import output as out
    from siotool.cli import plan_extras, plan_options
    from siotool.plan.documents import plan_words
    from siotool.plan.inputs import compose
    from siotool.plan.sizing import sizing, unused
    from siotool.units import parse_count

    if verify is not None and output_format in _MANIFESTS:
        raise InputError(f"--verify writes no {output_format.value}", "say --format text, md, html or json")
    limit = _whole(parse_count(max_servers, "--max-servers")) if max_servers is not None else None
    extras = plan_extras.read(plan_extras.Asked(**(asked or {})), output_format.value)
    inputs = given = plan_options.typed(flags, settings, file)
    measured = None
    if runs or verify is not None:
        from siotool.cli import plan_evidence

        if runs:
            measured = plan_evidence.learn(
                runs, accept_suspect=accept_suspect, same_target=same_target, seed=seed
            )
            inputs = compose.with_measured(inputs, measured.inputs)
    inputs = extras.shaped(inputs)
    extras = extras.within(inputs, quiet=quiet)
    limit = _limit(inputs) if limit is None else limit
    refuse_missing(inputs)
    before = inputs
    inputs = compose.complete(inputs)
    if verify is not None:
        checked = plan_evidence.check(
            verify, inputs, measured, accept_suspect=accept_suspect, draws=draws, seed=seed
        )
        _write_verification(checked, output_format, output)
        missed = [check.name.replace("_", " ") for check in checked.checks if not check.inside]
        if missed:
            complain(f"verification failed: {', '.join(missed)} outside the plan's 90 % interval")
            raise typer.Exit(ExitCode.GATE_FAILED)
        return
    result = sizing.size(
        inputs, draws=draws, seed=seed, evidence=measured.describe if measured is not None else None
    )
    result = extras.complete(result, inputs, draws=draws, seed=seed)
    result = msgspec.structs.replace(
        result,
        warnings=result.warnings
        + unused.unused(given, before, priced=extras.prices is not None, scaled=output_format in _MANIFESTS),
    )
    if result.servers.p95 is None and output_format in _MANIFESTS:
        raise _hopeless(result)
    if output_format in _MANIFESTS:
        written = extras.manifest(output_format.value, result, inputs, draws=draws, seed=seed, quiet=quiet)
    else:
        written = _rendered(result, inputs, output_format, output, draws=draws, seed=seed)
    out.write(written, output)
    if output != "-" and not quiet:
        say(f"plan of {plan_words.servers(result.servers.p95)} written to {output}")
    _judge(result, limit, extras.failed_gate(result))


def refuse_missing(inputs: Any) -> None:
    """Raise InputError for inputs that make no plan, with the flags that are missing."""
    missing = [
        flag
        for key, flag in (
            ("workload.connections", "--connections"),
            ("workload.consumption_rate", "--consumption-rate"),
            ("server.capacity", "--capacity"),
        )
        if key not in inputs
    ]
    if missing and not inputs.messages:
        raise InputError(f"plan needs {', '.join(missing)}", f"for example: {_EXAMPLE}")


def _rendered(result: Any, inputs: Any, output_format: Format, output: str, *, draws: int, seed: int) -> str:
    from siotool.cli import output as out
    from siotool.document.contract import to_json
    from siotool.plan.documents import plan_document

    if output_format is Format.JSON:
        return to_json(result)
    drawn = None
    if output_format is Format.HTML:
        # a simulated storm, and numpy: only when asked for
        from siotool.plan.documents import pictures

        drawn = pictures.drawn(result, inputs, draws=draws, seed=seed)
    return out.printed(plan_document.document(result, drawn), output_format, output)


def _judge(result: Any, limit: int | None, too_dear: str | None) -> None:
    """Exit 4 when no fleet is enough, or a gate fails."""
    from siotool.plan.documents import plan_words

    servers = result.servers.p95
    if servers is None:
        raise _hopeless(result)
    if limit is not None and servers > limit:
        complain(f"gate failed: {plan_words.servers(servers)} needed, {limit:,} allowed")
    if too_dear is not None:
        complain(f"gate failed: {too_dear}")
    if (limit is not None and servers > limit) or too_dear is not None:
        raise typer.Exit(ExitCode.GATE_FAILED)


def _hopeless(result: Any) -> typer.Exit:
    """Say that nothing satisfies the plan, and return the exit for it."""
    from siotool.plan.documents import plan_words

    complain(f"no number of servers satisfies the plan: {result.remedy or plan_words.answer(result)}")
    return typer.Exit(ExitCode.GATE_FAILED)


def _write_verification(checked: Any, output_format: Format, output: str) -> None:
    from siotool.cli import output as out
    from siotool.document.contract import to_json
    from siotool.plan.documents import verification_document

    if output_format is Format.JSON:
        written = to_json(checked)
    else:
        written = out.printed(verification_document.document(checked), output_format, output)
    out.write(written, output)


def _limit(inputs: Any) -> int | None:
    """The plan file's own gate on servers."""
    figure = inputs.figures.get("goals.max_servers")
    return None if figure is None else int(figure.value)


def _whole(count: float) -> int:
    if count < 0 or not count.is_integer():
        raise InputError(f"--max-servers is {count:g}; expected a whole number, 0 or more")
    return int(count)
