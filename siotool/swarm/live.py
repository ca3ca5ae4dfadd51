"""Shows a running test: a live view on a terminal, elsewhere a line every five seconds."""

from collections.abc import Sequence
from typing import IO

from rich.console import Console
from rich.live import Live

from siotool.printable import LINE_AT_MOST, printable
from siotool.runfile import Header, Interval, Note
from siotool.swarm.live_view import clock, number, percent, plural, time, users, view
from siotool.swarm.progress import Progress
from siotool.terminal import Printable
from siotool.units import format_byte_rate, format_count

#: Seconds of the run between two plain lines.
_EVERY_S = 5.0


class Display:
    """Shows the progress of a run. This one shows nothing."""

    def __init__(self, header: Header) -> None:
        """``header`` is the run's."""

    def start(self) -> None:
        """Begin to show."""

    def update(self, interval: Interval) -> None:
        """Take one more interval, and show it."""

    def note(self, note: Note) -> None:
        """Take something worth knowing, and show it."""

    def stop(self) -> None:
        """Show no more; what was shown last stays."""


class Displays(Display):
    """Several that each take what the run has to show."""

    def __init__(self, parts: Sequence[Display]) -> None:
        self.parts = list(parts)

    def start(self) -> None:
        """Let each begin."""
        for part in self.parts:
            part.start()

    def update(self, interval: Interval) -> None:
        """Give an interval to each."""
        for part in self.parts:
            part.update(interval)

    def note(self, note: Note) -> None:
        """Give a note to each."""
        for part in self.parts:
            part.note(note)

    def stop(self) -> None:
        """Let each end."""
        for part in self.parts:
            part.stop()


def display(header: Header, console: Console | None) -> Display:
    """The view that suits where ``console`` writes: live on a terminal, lines elsewhere.

    Without one nothing is shown.
    """
    if console is None:
        return Display(header)
    if console.is_interactive and console.file.isatty():
        return LiveView(header, console)
    return PlainProgress(header, console.file)


class LiveView(Display):
    """A view that repaints itself with each interval and fits the terminal.

    ``console`` should write to stderr: stdout is for results. There is no thread and no
    clock: what is shown changes when ``update`` or ``note`` is called.
    """

    def __init__(self, header: Header, console: Console) -> None:
        self._progress = Progress(header)
        self._console = console
        self._live = Live(console=console, auto_refresh=False, screen=False, redirect_stdout=False)

    def start(self) -> None:
        """Take over the lines below the cursor."""
        self._live.start()
        self._repaint()

    def update(self, interval: Interval) -> None:
        """Add an interval and repaint."""
        self._progress.update(interval)
        self._repaint()

    def note(self, note: Note) -> None:
        """Add a note and repaint."""
        self._progress.notes.append(note)
        self._repaint()

    def stop(self) -> None:
        """Leave the last picture on the screen and give the cursor back."""
        self._live.stop()

    def _repaint(self) -> None:
        # one row less than there are, for the line the cursor is on
        self._live.update(Printable(view(self._progress, self._console.height - 1)), refresh=True)


class PlainProgress(Display):
    """One plain line every five seconds of the run, and each note when it comes."""

    def __init__(self, header: Header, stream: IO[str]) -> None:
        self._progress = Progress(header)
        self._stream = stream
        self._due_s = 0.0

    def start(self) -> None:
        """Say what is about to run."""
        header = self._progress.header
        workload = header.workload
        planned = "until it is stopped"
        if workload.search:
            planned = f"the capacity is searched for, by {workload.search}, within 5 minutes"
        if workload.shape:
            planned = f"users decided by {workload.shape}"
        if workload.arrivals:
            rate, seconds = workload.arrivals.rate_per_s, clock(workload.duration_s)
            planned = f"{format_count(rate)} users arrive per second, {seconds}"
        if workload.stages:
            planned = f"{number(workload.users_max)} users at most, {clock(workload.duration_s)}"
        processes = plural(workload.processes, "generator process", "es")
        self._say(f"{workload.scenario} on {header.where}: {planned}, {processes}")

    def update(self, interval: Interval) -> None:
        """Add an interval; print when it is time."""
        self._progress.update(interval)
        if interval.t_s >= self._due_s:
            self._say(line(self._progress))
            while self._due_s <= interval.t_s:
                self._due_s += _EVERY_S

    def note(self, note: Note) -> None:
        """Print a note."""
        self._say(f"{clock(note.t_s)}  {note.level}: {note.text}")

    def _say(self, text: str) -> None:
        print(f"siotool: {printable(text, LINE_AT_MOST)}", file=self._stream, flush=True)


def line(progress: Progress) -> str:
    """Return the state of a run in one line without styles."""
    if progress.last is None:
        return "starting"
    last, delivery, planned_s = progress.last, progress.delivery, progress.planned_s
    parts = [
        clock(progress.elapsed_s) + (f" of {clock(planned_s)}" if planned_s else ""),
        f"{number(last.connections.open)} open",
        users(progress, last.connections.users),
    ]
    working = [o for o in progress.operations() if o.op not in ("connect", "reconnect", "namespace")]
    for operation in sorted(working, key=lambda o: -o.count)[:2]:
        rate, p95 = format_count(operation.rate_per_s), time(operation.p95_s)
        parts.append(f"{operation.op} {operation.name} {rate}/s p95 {p95}")
    if delivery.expected or delivery.pending:
        parts.append(f"{number(delivery.lost)} lost")
        if delivery.pending:
            parts.append(f"{number(delivery.pending)} pending")
    parts.append(plural(sum(progress.errors.values()), "error"))
    if progress.overdue:
        parts.append(f"{number(sum(progress.overdue.values()))} overdue")
    into, out = progress.wire_rates_per_s
    parts.append(f"in {format_byte_rate(into)} out {format_byte_rate(out)}")
    if last.server is not None and last.server.cpu_cores is not None:
        parts.append(f"server {percent(last.server.cpu_cores)}")
    if last.generator:
        busiest = max(last.generator, key=lambda worker: worker.cpu_cores)
        parts.append(f"generator {percent(busiest.cpu_cores)}")
    return ", ".join(parts)
