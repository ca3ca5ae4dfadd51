"""``siotool plan``: from figures to a number of servers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from siotool.cli import chart_folder
from siotool.cli.configured import ConfiguredGroup, refuse_before_command
from siotool.cli.formats import WithPage, by_ending, format_option
from siotool.cli.options import (
    DRAWS,
    SEED,
    AvailabilityTarget,
    Capacity,
    Connections,
    ConsumptionRate,
    Downtime,
    Draws,
    Output,
    Quiet,
    Seed,
    Settings,
    Utilization,
    Workday,
    flags_of,
)
from siotool.cli.streams import complain, say
from siotool.errors import ExitCode, InputError

_EXAMPLE = "siotool plan --connections 1M --consumption-rate 2KB/s --capacity 100MB/s"

#: What a plan cannot do without, and the flag for it.
_NEEDED = {
    "workload.connections": "--connections",
    "workload.consumption_rate": "--consumption-rate",
    "server.capacity": "--capacity",
}

#: Formats for an autoscaler: of a plan that has no fleet there is nothing to write.
_MANIFESTS = ("hpa", "keda")
PlanFormat = Literal["text", "json", "md", "html", "hpa", "keda"]


class FileFirst(ConfiguredGroup):
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

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Say of a plan file behind an option that it comes first: it is no subcommand either."""
        name = args[0]
        if name not in self.commands and (name.endswith(".toml") or Path(name).is_file()):
            said = f"{name} comes behind an option"
            raise InputError(
                f"{said}, and a plan file comes first", f"siotool plan {name} …, or --file {name}"
            )
        return super().resolve_command(ctx, args)


def plan(
    ctx: typer.Context,
    *,
    file: Annotated[
        str | None,
        typer.Option("--file", "-f", metavar="PLAN.toml", help="Plan file; may also come first. - is stdin."),
    ] = None,
    connections: Connections = None,
    consumption_rate: ConsumptionRate = None,
    downtime: Downtime = None,
    workday: Workday = None,
    capacity: Capacity = None,
    utilization: Utilization = None,
    availability_target: AvailabilityTarget = None,
    settings: Settings = None,
    runs: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="RUN[@NODES]",
            help="Take costs from measured runs, or from profile.json of a server or an adapter. Repeatable.",
        ),
    ] = None,
    verify: Annotated[
        str | None, typer.Option(metavar="RUN", help="Compare the plan's prediction with a run.")
    ] = None,
    accept_suspect: Annotated[
        bool,
        typer.Option("--accept-suspect", help="Also learn from runs and profiles that cannot be trusted."),
    ] = False,
    same_target: Annotated[
        bool, typer.Option("--same-target", help="The runs are of one service with several addresses.")
    ] = False,
    max_servers: Annotated[
        str | None,
        typer.Option(metavar="COUNT", help="Gate: exit 4 when the plan needs more servers than this."),
    ] = None,
    prices: Annotated[
        str | None,
        typer.Option(metavar="PRICES.toml", help="Price file: shapes of servers and what each costs."),
    ] = None,
    shape: Annotated[
        str | None, typer.Option(metavar="NAME", help="Plan with this shape of the price file as the server.")
    ] = None,
    max_cost: Annotated[
        str | None,
        typer.Option(metavar="AMOUNT", help="Gate: exit 4 when a month costs more: 5000, '5k USD'."),
    ] = None,
    generators: Annotated[
        bool,
        typer.Option("--generators", help="Also say what a load test of the whole plan takes."),
    ] = False,
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
        str, typer.Option(metavar="TIME", help="From requesting a pod until it takes connections.")
    ] = "60s",
    draws: Draws = DRAWS,
    seed: Seed = SEED,
    output_format: Annotated[PlanFormat | None, format_option("the plan", PlanFormat)] = None,
    output: Output = "-",
    charts: chart_folder.Charts = None,
    quiet: Quiet = False,
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
        refuse_before_command(ctx)
    else:
        run(ctx.params)


def run(given: Mapping[str, Any]) -> None:
    """Make one plan and write it; ``given`` are options of ``siotool plan`` by their names in Python."""
    import msgspec

    from siotool.cli import output as out
    from siotool.cli import plan_extras, plan_options
    from siotool.plan.documents import plan_words
    from siotool.plan.inputs import compose
    from siotool.plan.sizing import sizing, unused
    from siotool.units import parse_count

    output, quiet = given.get("output", "-"), given.get("quiet", False)
    form = given.get("output_format") or by_ending(output, WithPage)
    verify, runs = given.get("verify"), given.get("runs")
    drawn = {"draws": given.get("draws", DRAWS), "seed": given.get("seed", SEED)}
    _refuse_beside_verify(verify, given, form)
    charts = _charts(given, form)
    asked = given.get("max_servers")
    limit = _whole(parse_count(asked, "--max-servers")) if asked is not None else None
    extras = plan_extras.read(given, form)
    inputs = typed = plan_options.typed(flags_of(given), given.get("settings") or [], given.get("file"))
    measured = None
    if runs or verify is not None:
        from siotool.cli import plan_evidence

        accept_suspect = given["accept_suspect"]
        if runs:
            measured = plan_evidence.learn(
                runs,
                planned=typed,
                accept_suspect=accept_suspect,
                same_target=given["same_target"],
                seed=drawn["seed"],
            )
            inputs = compose.with_measured(inputs, measured.inputs)
        if verify is not None and measured is not None and measured.calibrated:
            checked = plan_evidence.check_calibrated(verify, measured, accept_suspect=accept_suspect, **drawn)
            return _verify(checked, form, output)
    plain = inputs
    inputs = extras.shaped(inputs)
    extras = extras.within(inputs, quiet=quiet)
    limit = _limit(inputs) if limit is None else limit
    refuse_missing(inputs)
    before = inputs
    inputs = compose.complete(inputs)
    if verify is not None:
        checked = plan_evidence.check(verify, inputs, measured, accept_suspect=accept_suspect, **drawn)
        return _verify(checked, form, output)
    result = sizing.size(inputs, **drawn, evidence=measured.describe if measured is not None else None)
    result = extras.complete(result, inputs, compose.complete(plain), **drawn)
    nothing_rests_on = unused.unused(
        typed, before, priced=extras.prices is not None, scaled=form in _MANIFESTS
    )
    result = msgspec.structs.replace(result, warnings=result.warnings + nothing_rests_on)
    if form in _MANIFESTS:
        if result.servers.p95 is None:
            raise _none_enough(result)
        written = extras.manifest(form, result, inputs, **drawn, quiet=quiet)
    else:
        written = _rendered(result, inputs, form, output, drawn, charts)
    out.write(written, output)
    if output != "-" and not quiet:
        say(f"plan of {plan_words.servers(result.servers.p95)} written to {output}")
    _judge(result, limit, extras.failed_gate(result))


#: Options on what a plan needs, which a verification does not ask.
_OF_NEEDS = ("max_servers", "max_cost", "generators", "date", "lead_time")


def _refuse_beside_verify(verify: Any, given: Mapping[str, Any], form: str) -> None:
    """Raise InputError for a form that has no verification, and for what would be dropped without a word."""
    if verify is None:
        return
    if form in _MANIFESTS:
        raise InputError(f"--verify writes no {form}", "use --format text, md, html or json")
    # a shape is the server that a prediction is made for; its price is nothing to compare
    for name in _OF_NEEDS if given.get("shape") else (*_OF_NEEDS, "prices"):
        if given.get(name):
            flag = f"--{name.replace('_', '-')}"
            raise InputError(
                f"{flag} says nothing of a prediction that --verify compares with a run", f"leave {flag} out"
            )


def _charts(given: Mapping[str, Any], form: str) -> str | None:
    """The folder for charts, made; raises InputError where there is nothing to draw, and OutputError."""
    charts: str | None = given.get("charts")
    if charts is not None and (given.get("verify") is not None or form in _MANIFESTS):
        raise InputError(
            f"--charts has nothing to draw of {form if form in _MANIFESTS else '--verify'}",
            "leave --charts out",
        )
    chart_folder.prepare(charts)
    return charts


def refuse_missing(inputs: Any) -> None:
    """Raise InputError for inputs that make no plan, with the flags that are missing."""
    missing = [flag for key, flag in _NEEDED.items() if key not in inputs]
    if missing and not inputs.messages:
        raise InputError(f"plan needs {', '.join(missing)}", f"for example: {_EXAMPLE}")


def refuse_missing_in(file: str, inputs: Any) -> None:
    """Raise InputError for a plan file that makes no plan by itself, with the keys that are missing."""
    missing = [key for key in _NEEDED if key not in inputs]
    if inputs.messages:
        # what the others follow from
        missing = [key for key in missing if key != "workload.consumption_rate"]
        if "server.bandwidth_out" in inputs:
            missing = [key for key in missing if key != "server.capacity"]
    if missing:
        raise InputError(
            f"{file} is no plan: it has no {' and no '.join(missing)}",
            "siotool plan init writes one to start from: siotool plan init my.toml --connections 100k",
        )


def _rendered(
    result: Any, inputs: Any, form: str, output: str, drawn_with: Mapping[str, int], charts: str | None
) -> str:
    from siotool.cli import output as out
    from siotool.plan.documents.plan_document import document

    plain = drawn = document(result)
    if form == "html" or charts is not None:
        # a simulated storm, and numpy: only when asked for
        from siotool.plan.documents import pictures

        drawn = document(result, pictures.drawn(result, inputs, **drawn_with))
    chart_folder.write(drawn, charts)
    return out.printed(drawn if form == "html" else plain, form, output, result)


def _judge(result: Any, limit: int | None, too_dear: str | None) -> None:
    """Exit 4 when no fleet is enough, or a gate fails."""
    from siotool.plan.documents import plan_words

    servers = result.servers.p95
    if servers is None:
        raise _none_enough(result)
    if limit is not None and servers > limit:
        complain(f"gate failed: {plan_words.servers(servers)} needed, {limit:,} allowed")
    if too_dear is not None:
        complain(f"gate failed: {too_dear}")
    if (limit is not None and servers > limit) or too_dear is not None:
        raise typer.Exit(ExitCode.GATE_FAILED)


def _none_enough(result: Any) -> typer.Exit:
    """Say that nothing satisfies the plan, and return the exit for it."""
    from siotool.plan.documents import plan_words

    complain(f"no number of servers satisfies the plan: {result.remedy or plan_words.answer(result)}")
    return typer.Exit(ExitCode.GATE_FAILED)


def _verify(checked: Any, form: str, output: str) -> None:
    """Write a verification; exit 4 where what a run saw is outside the plan's interval."""
    from siotool.cli import output as out
    from siotool.plan.documents import verification_document

    out.write(out.printed(verification_document.document(checked), form, output, checked), output)
    missed = [check.name.replace("_", " ") for check in checked.checks if not check.inside]
    if missed:
        complain(f"verification failed: {', '.join(missed)} outside the plan's 90 % interval")
        raise typer.Exit(ExitCode.GATE_FAILED)


def _limit(inputs: Any) -> int | None:
    """The plan file's own gate on servers."""
    figure = inputs.figures.get("goals.max_servers")
    return None if figure is None else int(figure.value)


def _whole(count: float) -> int:
    if count < 0 or not count.is_integer():
        raise InputError(f"--max-servers is {count:g}; expected a whole number, 0 or more")
    return int(count)
