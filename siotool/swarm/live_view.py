"""The picture of a running test: what the live view shows of its progress."""

import msgspec
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from siotool.measured_servers import ServerUse
from siotool.runfile import WorkerHealth
from siotool.swarm.progress import WINDOW_S, Lately, Progress
from siotool.units import format_byte_rate, format_count, format_duration, format_size

#: From this share of the CPU it may use on, a generator process is likely to limit what it measures.
_BUSY = 0.8
_LATE_S = 0.1

_NOTES_SHOWN = 2
_FEWEST_OPERATIONS = 3
_LEVEL_STYLES = {"info": "dim", "warning": "yellow", "doubt": "bold red"}


def view(progress: Progress, height: int) -> RenderableType:
    """Return the picture of a run, at most ``height`` lines where that is possible at all.

    When lines are short, generator processes are shown as one, then the least busy
    operations are left out and counted.
    """
    head: list[RenderableType] = [_title(progress), _stages(progress), ""]
    if progress.last is None:
        return Padding(Group(*head, Text("connecting …", style="dim")), (0, 1))
    summary, notes = _summary(progress), _notes(progress)
    operations, workers = progress.operations(), progress.last.generator
    # title, stage, three empty lines, two table heads, the server
    room = height - 8 - summary.row_count - (notes.row_count + 1 if notes.row_count else 0)
    together = len(workers) > 1 and len(operations) + len(workers) > room
    shown = max(_FEWEST_OPERATIONS, room - (1 if together else len(workers)))
    body: list[RenderableType] = [
        summary,
        "",
        _operations(operations, shown),
        "",
        _processes(progress, workers, together),
    ]
    if notes.row_count:
        body += ["", notes]
    return Padding(Group(*head, *body), (0, 1))


def _title(progress: Progress) -> RenderableType:
    header = progress.header
    grid = Table.grid(expand=True)
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    grid.add_column(justify="right", no_wrap=True)
    namespace = "" if header.target.namespace == "/" else f"  {header.target.namespace}"
    grid.add_row(
        Text.assemble((header.workload.scenario, "bold"), f" on {header.where}{namespace}"),
        Text(f"  {header.run}" if len(header.run) <= 40 else "", style="dim"),
    )
    return grid


def _stages(progress: Progress) -> RenderableType:
    workload = progress.header.workload
    grid = Table.grid(expand=True, padding=(0, 2, 0, 0))
    if not workload.duration_s:
        until = f"searching by {workload.search}" if workload.search else "until it is stopped"
        grid.add_row(f"{clock(progress.elapsed_s)}, {until}")
        return grid
    if workload.arrivals:
        what = f"{format_count(workload.arrivals.rate_per_s)} users arrive per second"
    else:
        users_now = number(workload.stages[progress.stage].users)
        what = f"stage {progress.stage + 1} of {len(workload.stages)}, to {users_now} users"
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_column(no_wrap=True, justify="right")
    left = f"{clock(progress.left_s)} left" if progress.left_s else "finishing"
    grid.add_row(
        what,
        ProgressBar(
            total=progress.planned_s,
            completed=min(progress.elapsed_s, progress.planned_s),
            complete_style="cyan",
            finished_style="cyan",
        ),
        Text.assemble(f"{clock(progress.elapsed_s)}  ", (left, "bold")),
    )
    return grid


def _summary(progress: Progress) -> Table:
    grid = Table.grid(expand=True, padding=(0, 1, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    connections, delivery, total = progress.connections, progress.delivery, progress.bytes
    grid.add_row(
        "connections",
        _joined(
            Text(f"{number(connections.open)} open", style="bold"),
            Text(users(progress, connections.users)),
            _bad(sum(connections.failed.values()), f"of {number(connections.attempted)} failed"),
        ),
    )
    if delivery.expected or delivery.pending:
        grid.add_row(
            "delivery",
            _joined(
                Text(f"{short(delivery.received)} of {short(delivery.expected)} received"),
                _bad(delivery.lost, "lost"),
                Text(f"{short(delivery.pending)} pending"),
                _bad(delivery.duplicate, "duplicate"),
            ),
        )
    into, out = progress.wire_rates_per_s
    grid.add_row(
        "bandwidth",
        _joined(
            Text.assemble("in ", (format_byte_rate(into), "bold"), f" ({format_size(total.wire_in)})"),
            Text.assemble("out ", (format_byte_rate(out), "bold"), f" ({format_size(total.wire_out)})"),
            Text("on the wire", style="dim"),
        ),
    )
    grid.add_row("errors", _errors(progress))
    return grid


def _errors(progress: Progress) -> Text:
    overdue = ", ".join(f"{op} {number(count)}" for op, count in progress.overdue.items())
    late = [Text(f"overdue: {overdue}", style="bold yellow")] if overdue else []
    kinds = [
        Text(f"{op} {kind} {number(count)}", style="red")
        for (op, kind), count in progress.errors.most_common()
    ]
    return _joined(*late, *kinds) if late or kinds else Text("none", style="green")


def _operations(operations: list[Lately], shown: int) -> Table:
    table = Table(box=None, expand=True, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("operation", ratio=1, no_wrap=True, overflow="ellipsis")
    for name in ("total", f"per s ({WINDOW_S:.0f} s)", "p50", "p95", "p99", "errors"):
        table.add_column(name, justify="right", no_wrap=True)
    kept = operations if len(operations) <= shown else _foremost(operations, shown - 1)
    for operation in kept:
        table.add_row(
            Text.assemble((f"{operation.op} ", "bold"), operation.name),
            number(operation.count),
            format_count(operation.rate_per_s),
            time(operation.p50_s),
            time(operation.p95_s),
            time(operation.p99_s),
            Text(number(operation.errors), style="red" if operation.errors else ""),
        )
    if len(kept) < len(operations):
        table.add_row(Text(f"… and {len(operations) - len(kept)} more", style="dim"))
    return table


def _foremost(operations: list[Lately], most: int) -> list[Lately]:
    """The busiest operation of each kind, then the busiest of all, in their own order."""
    kinds: set[str] = set()
    first: list[Lately] = []
    rest: list[Lately] = []
    for operation in sorted(operations, key=lambda o: -o.count):
        (rest if operation.op in kinds else first).append(operation)
        kinds.add(operation.op)
    chosen = {(operation.op, operation.name) for operation in (first + rest)[:most]}
    return [operation for operation in operations if (operation.op, operation.name) in chosen]


def _processes(progress: Progress, workers: list[WorkerHealth], together: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column("process", no_wrap=True)
    for name in ("cpu", "memory", "loop lag", "schedule lag"):
        table.add_column(name, justify="right", no_wrap=True)
    assert progress.last is not None
    server = progress.last.server
    if server is None:
        table.add_row(Text("server, not sampled", style="dim"))
    else:
        table.add_row("server", *_server(server))
    for worker in [_worst(workers)] if together else workers:
        table.add_row(
            f"generator, worst of {len(workers)}" if together else f"generator {worker.worker}",
            Text(percent(worker.cpu_cores), style="bold red" if _busy(worker) >= _BUSY else ""),
            format_size(worker.rss_bytes),
            _lag(worker.loop_lag_s),
            _lag(worker.schedule_lag_s),
        )
    return table


def _server(use: ServerUse) -> tuple[str, str, str]:
    """CPU, memory and loop lag; a dash for what its sources do not show."""
    return (
        "–" if use.cpu_cores is None else percent(use.cpu_cores),
        "–" if use.rss_bytes is None else format_size(use.rss_bytes),
        "" if use.loop_lag_s is None else format_duration(use.loop_lag_s),
    )


def _worst(workers: list[WorkerHealth]) -> WorkerHealth:
    """The busiest process, with the worst of all others' figures."""
    worst = {
        name: max(getattr(worker, name) for worker in workers)
        for name in ("rss_bytes", "loop_lag_s", "schedule_lag_s")
    }
    return msgspec.structs.replace(max(workers, key=_busy), **worst)


def _notes(progress: Progress) -> Table:
    grid = Table.grid(expand=True, padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    grave_last = sorted(progress.notes, key=lambda note: note.level != "info")
    for note in grave_last[-_NOTES_SHOWN:]:
        style = _LEVEL_STYLES[note.level]
        grid.add_row(Text(clock(note.t_s), style="dim"), Text(note.level, style=style), Text(note.text))
    return grid


def _joined(*parts: Text) -> Text:
    return Text().join(piece for part in parts for piece in (Text(" · ", style="dim"), part))[3:]


def _bad(count: int, word: str) -> Text:
    return Text(f"{short(count)} {word}", style="bold red" if count else "")


def _busy(worker: WorkerHealth) -> float:
    """Share of the CPU that a generator process may use."""
    return worker.cpu_cores / worker.cpu_allowed if worker.cpu_allowed > 0 else worker.cpu_cores


def _lag(seconds: float) -> Text:
    return Text(format_duration(seconds), style="bold red" if seconds >= _LATE_S else "")


# ── figures, as short as a line needs them ────────────────────────────────────────────


def users(progress: Progress, now: int) -> str:
    """Users at the moment, of those that the stages ask for by now."""
    if not progress.header.workload.stages:
        return f"{number(now)} users"
    return f"{number(now)} of {number(progress.users_wanted)} users"


def percent(cores: float) -> str:
    """Cores as a percentage of one."""
    return f"{cores * 100:.0f} %"


def time(seconds: float | None) -> str:
    """A duration, or a dash where nothing was timed."""
    return "–" if seconds is None else format_duration(seconds)


def number(count: int) -> str:
    """A count in at most seven characters: exact below a million."""
    return f"{count:,}" if count < 1_000_000 else short(count)


def short(count: int) -> str:
    """A count in at most six characters: exact below a hundred thousand."""
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= factor and count >= 100_000:
            value = count / factor
            return f"{value:,.0f}{prefix}" if value >= 100 else f"{value:.2f}{prefix}"
    return f"{count:,}"


def plural(count: int, noun: str, ending: str = "s") -> str:
    """A count of things."""
    return f"{number(count)} {noun}{'' if count == 1 else ending}"


def clock(seconds: float) -> str:
    """Seconds since the start as minutes and seconds, with hours where there are any."""
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
