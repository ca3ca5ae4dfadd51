"""What the shell completes where options take names: scenarios and targets."""

from pathlib import Path

from siotool.swarm import scenario_paths


def scenarios(incomplete: str) -> list[str]:
    """Return the built-in scenarios, and the Python files where the word points to."""
    folder, _, begun = incomplete.rpartition("/")
    files = sorted(Path(folder or ".").glob(f"{begun}*.py")) if begun or folder else []
    return [path.stem for path in scenario_paths.built_in()] + [str(path) for path in files]


def targets() -> list[str]:
    """Return the one target that has a name."""
    return ["demo"]
