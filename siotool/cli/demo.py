"""``siotool demo``: the whole loop on the embedded target."""

from typing import Annotated

import typer

#: A small chat service, planned as one would before anything was measured.
CONNECTIONS = "50k"
CONSUMPTION_RATE = "2KB/s"
DOWNTIME = "0.5h"
CAPACITY = "20MB/s"


def demo(
    ctx: typer.Context,
    users: Annotated[int, typer.Option(min=2, max=2000, help="Users of the chat room.")] = 150,
    run_time: Annotated[str, typer.Option(metavar="TIME", help="Length of the load test.")] = "20s",
) -> None:
    """Plan, load and report a chat room, on the embedded server of this machine.

    Sizes a small chat service from planned figures, loads the embedded Socket.IO server with
    a swarm of clients, and joins what was measured back into the sizing. Nothing leaves
    this machine.

    Example: `siotool demo --users 50 --run-time 10s`
    """
    import tempfile
    from pathlib import Path

    from siotool.cli import loadtest, plan
    from siotool.cli.streams import say

    figures = {
        "connections": CONNECTIONS,
        "consumption_rate": CONSUMPTION_RATE,
        "downtime": DOWNTIME,
        "capacity": CAPACITY,
        "quiet": True,
    }

    say(
        f"1 of 3: siotool plan --connections {CONNECTIONS} --consumption-rate {CONSUMPTION_RATE} "
        f"--downtime {DOWNTIME} --capacity {CAPACITY}"
    )
    plan.run(figures)
    with tempfile.TemporaryDirectory() as folder:
        planned = Path(folder) / "plan.json"
        plan.run({**figures, "output": str(planned)})
        say(f"2 of 3: siotool loadtest demo --scenario chat --users {users} --run-time {run_time}")
        say("3 of 3: siotool report, once the run is over")
        loadtest.loadtest(ctx, ["demo"], scenario="chat", users=str(users), run_time=run_time, plan=planned)
