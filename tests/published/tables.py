"""All published tables that the planner reproduces.

Left out, for want of a formula that leads to them: latencies and CPU shares under load (they are
of machines that nobody else has), Mattermost's proxies, Phoenix's two million connections (its
memory is hearsay), and prices of services whose lists are copies of copies.
"""

from tests.published import azure, limits, services, theory
from tests.published.check import Check


def checks() -> list[Check]:
    """Return every cell, with what the planner makes of it; a stale one must not hold."""
    return [*azure.checks(), *services.checks(), *limits.checks(), *theory.checks()]
