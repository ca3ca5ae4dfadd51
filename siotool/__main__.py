"""``python -m siotool``."""

from siotool.cli.app import main

main()
