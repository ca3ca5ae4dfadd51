"""``python -m siotool``."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  (pip would refuse it; a checkout is run without pip)
    sys.exit(f"siotool needs Python 3.11 or newer, and this is {sys.version_info[0]}.{sys.version_info[1]}")

from siotool.cli.app import main

main()
