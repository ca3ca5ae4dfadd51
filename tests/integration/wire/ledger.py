"""What the model said beside what was measured, line by line."""

from dataclasses import dataclass

import pytest

from siotool.plan.wire.framing import Direction, Travel

WITHIN = 0.03


@dataclass(frozen=True)
class Figure:
    """One figure of the model and of a measurement: bytes of a level that went one way."""

    way: Direction
    level: str
    model: float
    seen: float
    off: float


def _moved(before: Travel, after: Travel, way: Direction, level: str) -> float:
    return float(getattr(getattr(after, way), level) - getattr(getattr(before, way), level))


@dataclass(frozen=True)
class Comparison:
    """Everything that one exchange moved: both ways, both levels."""

    figures: list[Figure]

    @classmethod
    def of(cls, said: Travel, before: Travel, after: Travel) -> "Comparison":
        """Compare what the model said with how two readings differ."""
        figures = []
        for way in Direction:
            for level in ("tcp", "link"):
                model, seen = getattr(getattr(said, way), level), _moved(before, after, way, level)
                base = seen
                if not _moved(before, after, way, "tcp"):  # acknowledgements only: a share of the exchange
                    base = sum(_moved(before, after, each, level) for each in Direction)
                figures.append(Figure(way, level, model, seen, (model - seen) / base))
        return cls(figures)

    @property
    def off(self) -> float:
        """The worst of its figures, as a share."""
        return max(abs(figure.off) for figure in self.figures)

    @property
    def right(self) -> bool:
        """Whether model and measurement agree."""
        return self.off <= WITHIN

    @property
    def bytes_right(self) -> bool:
        """Whether they agree on what TCP carried, whatever its acknowledgements came to."""
        return all(abs(figure.off) <= WITHIN for figure in self.figures if figure.level == "tcp")


class Ledger:
    """All comparisons of one test."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._rows: list[tuple[float, str]] = []
        self._again = 0

    def add(self, what: str, attempts: list[Comparison]) -> None:
        """Write down the closest of the attempts, or the one that got TCP's bytes wrong."""
        self._again += len(attempts) - 1
        wrong = [attempt for attempt in attempts if not attempt.bytes_right]
        for figure in min(wrong or attempts, key=lambda attempt: attempt.off).figures:
            row = (
                f"{self._name:24} {what:25} {figure.way:9} {figure.level:4}"
                f" {figure.model:10.0f} {figure.seen:8.0f} {figure.off:+7.2%}"
            )
            self._rows.append((abs(figure.off), row))

    def close(self, capsys: pytest.CaptureFixture[str], by: str) -> None:
        """Tell the worst figure, and fail if it is not within 3 %."""
        with capsys.disabled():
            print(
                f"\nlink by {by}; {self._again} measured again;"
                f" of {len(self._rows)} figures the worst: {max(self._rows)[1]}",
                end=" ",
            )
        wrong = [row for off, row in self._rows if off > WITHIN]
        assert not wrong, "model and measurement differ:\n" + "\n".join(row for _, row in self._rows)
