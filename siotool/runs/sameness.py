"""Which runs belong together, for reports and for plans.

*The same run* is a run file of the same header, in any place: two folders may have one name.
*The same service* is the same target: address (or addresses and their weights), path, namespace and
transport. The embedded target and a lab take free ports each time they are started, so ports are no part
of their address. Users, stages, seeds and generators may differ. A report joins runs of one service and
one scenario; settings that differ are a remark. A plan learns costs from runs of one service and any
scenarios: more scenarios show more costs.
"""

from collections.abc import Sequence

from siotool.errors import InputError
from siotool.runfile import Run


def service(run: Run) -> str:
    """Return the service that a run measured; runs with the same value are of one service."""
    target = run.header.target
    several = " ".join(f"{one.url}@{one.weight}" for one in run.header.targets)
    url = run.header.lab or ("demo" if run.header.embedded else several or target.url)
    return f"{url} {target.path} {target.namespace} {target.transport}"


def check_same(runs: Sequence[Run], *, same_target: bool = False) -> None:
    """Raise InputError when a run is named twice, or unless all are of one service.

    ``same_target``: the user says that it is one service, at several addresses.
    """
    for number, run in enumerate(runs):
        for twin in runs[:number]:
            if twin.header == run.header:
                raise InputError(
                    f"{twin.path} and {run.path} are the same run {run.header.run}", "name it once"
                )
        ours, theirs = service(runs[0]), service(run)
        if ours != theirs and not same_target:
            raise InputError(
                f"runs of different targets are not of one service: {runs[0].path} has {ours}, "
                f"{run.path} has {theirs}",
                "name runs of one target, or give --same-target for one service at several addresses",
            )


def names(runs: Sequence[Run]) -> list[str]:
    """Return what to call each run: its name, and its file too where another has that name."""
    called = [run.header.run for run in runs]
    return [
        f"{name} ({run.path})" if called.count(name) > 1 else name
        for name, run in zip(called, runs, strict=True)
    ]
