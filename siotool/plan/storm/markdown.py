"""A storm for a design review, as GitHub-flavoured Markdown."""

from siotool.plan.storm import words
from siotool.plan.storm.storm_plan import StormPlan
from siotool.units import format_count, format_duration

#: Lines of the course, at most.
_LINES = 20


def render(storm: StormPlan) -> str:
    """Return the storm as Markdown: the answer first."""
    times = words.times(storm)
    lines = [
        f"# {words.headline(storm)}",
        "",
        words.setting(storm),
        "",
        f"| are back | {' | '.join(share for share, _ in times)} |",
        f"|---|{'---:|' * len(times)}",
        f"| after | {' | '.join(when for _, when in times)} |",
        "",
        words.outcomes(storm),
        "",
        "| second | attempts/s, at most | back |",
        "|---:|---:|---:|",
        *_course(storm),
        "",
        "| servers | 99 % back after | at least | each takes in |",
        "|---:|---:|---:|---:|",
    ]
    own = words.own_row(storm)
    for number, (servers, after, least, rate, _) in enumerate(words.curve(storm)):
        strong = "**" if number == own else ""
        lines.append(f"| {strong}{servers}{strong} | {after} | {least} | {rate} |")
    return "\n".join([*lines, "", *(f"- {said}" for said in words.conclusions(storm)), ""])


def _course(storm: StormPlan) -> list[str]:
    course = storm.course
    each = max(1, -(-len(course.attempts_per_s) // _LINES))
    rows = []
    for at in range(0, len(course.attempts_per_s), each):
        most = max(course.attempts_per_s[at : at + each])
        back = course.connected[min(at + each, len(course.connected)) - 1]
        rows.append(
            f"| {format_duration(at * course.bin_s)} | {format_count(round(most))} "
            f"| {format_count(round(back))} |"
        )
    return rows
