"""A published figure beside what the planner makes of the same inputs."""

import msgspec

#: Rounding noise of a few ulps must not fail a figure that ends on a half.
_NOISE = 1e-9


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One cell of a published table.

    It holds when ``computed`` is between ``low`` and ``high``, the values that would be printed
    as ``printed``. ``stale`` says why a cell is left out: its source contradicts itself, so
    it must not hold.
    """

    table: str
    cell: str
    printed: str
    low: float
    high: float
    computed: float
    source: str
    stale: str = ""

    @property
    def holds(self) -> bool:
        """True when the planner reproduces the figure to the digits printed."""
        noise = _NOISE * max(abs(self.low), abs(self.high))
        return self.low - noise <= self.computed <= self.high + noise


class Table(msgspec.Struct, frozen=True):
    """Makes the checks of one table."""

    name: str
    source: str

    def rounded(self, cell: str, printed: float, step: float, computed: float, stale: str = "") -> Check:
        """Return a cell that was rounded to multiples of ``step``; 0 means that it is exact."""
        return self.between(cell, f"{printed:,.10g}", printed - step / 2, printed + step / 2, computed, stale)

    def between(
        self, cell: str, printed: str, low: float, high: float, computed: float, stale: str = ""
    ) -> Check:
        """Return a cell that is a bound or a range, such as "more than 800,000"."""
        return Check(
            table=self.name,
            cell=cell,
            printed=printed,
            low=low,
            high=high,
            computed=float(computed),
            source=self.source,
            stale=stale,
        )
