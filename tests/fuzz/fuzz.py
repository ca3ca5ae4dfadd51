"""Coverage-guided fuzzing of everything that reads bytes of a server: ``make fuzz SECONDS=600``.

Needs ``pip install atheris``. An input that breaks it is left beside the corpus in ``build/fuzz``:
make it a named row of tests/properties/test_fuzz_lessons.py.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["siotool", "tests.fuzz.harness"]):
    from tests.fuzz import harness
    from tests.fuzz.seeds import SEEDS


def main() -> None:
    """Fuzz for as many seconds as the first argument says."""
    corpus = Path("build/fuzz/corpus")
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS):
        (corpus / f"seed-{number}").write_bytes(seed)
    seconds = sys.argv[1] if len(sys.argv) > 1 else "60"
    options = [f"-max_total_time={seconds}", "-artifact_prefix=build/fuzz/", "-max_len=4096", "-timeout=60"]
    atheris.Setup([sys.argv[0], str(corpus), *options], harness.read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
