"""Reads ``profile.json``, which a calibration ends with, for ``siotool plan --from``."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from siotool.errors import InputError
from siotool.plan.evidence.calibrated import FILE_NAME, CalibratedProfile


class _SaidKind(msgspec.Struct, frozen=True):
    """What a JSON document says that it is."""

    kind: str = ""


def profile_among(names: Sequence[str]) -> Path | None:
    """The profile that --from names, or a calibration's folder; None where it names runs.

    Raises InputError where a profile stands beside something else.
    """
    found = [path for name in names if (path := _profile_at(Path(name))) is not None]
    if found and len(names) > 1:
        raise InputError(
            f"--from {found[0]} is a profile, and stands for all that is known of the server",
            "name it alone, or only runs",
        )
    return found[0] if found else None


def _profile_at(path: Path) -> Path | None:
    if path.is_dir():
        return path / FILE_NAME if (path / FILE_NAME).is_file() else None
    return path if path.suffix == ".json" and _is_profile(path) else None


def _is_profile(path: Path) -> bool:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_SaidKind).kind == "profile"
    except (OSError, msgspec.DecodeError):
        return False


def read_profile(path: Path) -> CalibratedProfile:
    """Read a profile, or that of a folder. Raises InputError naming the file and what is wrong with it."""
    path = path / FILE_NAME if path.is_dir() else path
    try:
        found = msgspec.json.decode(path.read_bytes(), type=CalibratedProfile)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", "name a profile.json") from None
    except msgspec.DecodeError as error:  # of any kind: no JSON, another version, a figure that is none
        raise InputError(
            f"{path} is no profile of this version: {error}", "make one: siotool loadtest --calibrate"
        ) from None
    whole = len(found.replicates) == len(found.names) > 0
    if not whole or not all(row and len(row) == len(found.replicates[0]) for row in found.replicates):
        raise InputError(f"{path}: costs without replicates", "the file was changed: calibrate again")
    return found
