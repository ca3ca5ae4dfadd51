"""Operations of a worker between two reports, by kind and name."""

from array import array
from collections import Counter
from collections.abc import Callable

from siotool.histogram import Histogram
from siotool.runfile import Operation, OpKind


class OperationSamples:
    """One kind of operation since the last report; times in seconds."""

    __slots__ = ("errors", "given_up", "name", "op", "response", "service", "untimed")

    def __init__(self, op: OpKind, name: str) -> None:
        self.op = op
        self.name = name
        self.response = array("d")
        self.service = array("d")
        self.untimed = 0
        self.errors: Counter[str] = Counter()
        self.given_up = array("d")

    def record(self, response: float, service: float) -> None:
        """Count a success: seconds since the intended start, and since the actual one."""
        self.response.append(response)
        self.service.append(service)

    def fail(self, kind: str, waited: float | None = None) -> None:
        """Count a failure; ``waited`` seconds since the intended start where no answer came."""
        self.errors[kind] += 1
        if waited is not None:
            self.given_up.append(waited)

    def close(self) -> Operation:
        """Return what was counted, and begin anew."""
        response, service, given_up = Histogram(), Histogram(), Histogram()
        response.record(self.response)
        service.record(self.service)
        given_up.record(self.given_up)
        closed = Operation(
            op=self.op,
            name=self.name,
            count=len(self.response) + self.untimed,
            errors=dict(self.errors),
            response=response.sparse(),
            service=service.sparse(),
            given_up=given_up.sparse(),
        )
        self.response, self.service, self.untimed = array("d"), array("d"), 0
        self.given_up = array("d")
        self.errors.clear()
        return closed


class SampleTable:
    """Operations by kind and name; ``admit`` gives the name under which one is counted."""

    def __init__(self, admit: Callable[[OpKind, str], str]) -> None:
        self._admit = admit
        self._samples: dict[tuple[OpKind, str], OperationSamples] = {}

    def samples(self, op: OpKind, name: str) -> OperationSamples:
        """Where operations of this kind and name are counted."""
        found = self._samples.get((op, name))
        if found is None:
            name = self._admit(op, name)
            found = self._samples.setdefault((op, name), OperationSamples(op, name))
        return found

    def close(self) -> list[Operation]:
        """Return what was counted, and begin anew."""
        closed = [samples.close() for samples in self._samples.values()]
        return [operation for operation in closed if operation.count or operation.errors]
