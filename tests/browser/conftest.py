"""A real browser for pages: opens a file, returns what it made of it."""

import subprocess

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture
def browse(require_tool, tmp_path):
    """Open a file; returns the page as drawn and what its console said."""
    chromium = require_tool(*NAMES)

    def open_page(path, *, width, scheme="light", options=()):
        done = subprocess.run(
            [
                chromium,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                f"--user-data-dir={tmp_path / 'profile'}",
                f"--window-size={width},2000",
                f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}",
                "--enable-logging=stderr",
                "--virtual-time-budget=20000",
                *options,
                "--dump-dom",
                path.as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        return done.stdout, console

    return open_page
