"""What gates measure of lost connections: a value, or None where users were never back, and how."""

from siotool.report.parts import Measurable


def measure_away(report: Measurable, field: str) -> tuple[float | None, str]:
    """How long users were away: a ``field`` of ``AwayFigures``; 0 where no connection was lost."""
    away = report.away
    if away is None:
        return _none_lost(report)
    value: float | None = getattr(away, field)
    return value, f"of {away.lost:,} users that lost their connection, {away.back:,} were back"


def measure_back_all(report: Measurable) -> tuple[float | None, str]:
    """How long the longest outage took until everybody was back; 0 without one."""
    for outage in report.outages:
        if outage.back_all_s is None:
            return None, f"{outage.back:,} of {outage.lost:,} came back from the outage at {outage.t_s:.0f} s"
    if not report.outages:
        return _none_lost(report)
    longest = max(outage.back_all_s or 0.0 for outage in report.outages)
    return longest, f"the longest of {len(report.outages):,} outages"


def _none_lost(report: Measurable) -> tuple[float | None, str]:
    if not report.connections.established:
        return None, "no connection was established"
    return 0.0, "no connection was lost in an outage"
