"""Locust's own reports, written by Locust, beside the run file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
from locust import html, stats

CSV_PREFIX = "locust"
HTML_NAME = "locust.html"


class LocustFiles:
    """Locust's CSV files and HTML report of a run."""

    def __init__(self, environment: Any, folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        self._writer = stats.StatsCSVFileWriter(
            environment, stats.PERCENTILES_TO_REPORT, str(folder / CSV_PREFIX), full_history=True
        )
        self._greenlet = gevent.spawn(self._writer.stats_writer)

    def finish(self) -> None:
        """Write what came last, and the HTML."""
        gevent.sleep(stats.CSV_STATS_INTERVAL_SEC)  # Locust's writer looks no more often
        self._greenlet.kill()
        self._writer.close_files()
        render: Callable[..., str] = html.get_html_report
        page = render(self._environment, show_download_link=False)
        (self._folder / HTML_NAME).write_text(page, encoding="utf-8")
