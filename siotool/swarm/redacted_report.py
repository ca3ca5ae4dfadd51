"""Secrets in what a worker reports: those of other workers' users, which it could not know."""

import msgspec

from siotool.runfile import Operation
from siotool.swarm.redaction import Redaction
from siotool.swarm.worker_report import Raised, WorkerInterval


def hide_secrets(interval: WorkerInterval, redaction: Redaction) -> None:
    """Hide them in names, remarks and what was raised."""
    interval.operations = [_operation(found, redaction) for found in interval.operations]
    interval.targets = [
        msgspec.structs.replace(use, operations=[_operation(found, redaction) for found in use.operations])
        for use in interval.targets
    ]
    interval.class_operations = {
        name: [_operation(found, redaction) for found in operations]
        for name, operations in interval.class_operations.items()
    }
    interval.exceptions = [_raised(found, redaction) for found in interval.exceptions]
    interval.remarks = [
        msgspec.structs.replace(found, text=redaction.apply(found.text)) for found in interval.remarks
    ]


def _operation(found: Operation, redaction: Redaction) -> Operation:
    name = redaction.label(found.name)
    return found if name == found.name else msgspec.structs.replace(found, name=name)


def _raised(found: Raised, redaction: Redaction) -> Raised:
    return msgspec.structs.replace(
        found, message=redaction.apply(found.message), traceback=redaction.apply(found.traceback)
    )
