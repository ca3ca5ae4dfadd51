"""Reads ``profile.json``, of a calibration or of a measured adapter, for ``siotool plan --from``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from siotool.errors import InputError
from siotool.plan.evidence.adapter_profile import AdapterProfile
from siotool.plan.evidence.calibrated import FILE_NAME, CalibratedProfile


class _SaidKind(msgspec.Struct, frozen=True):
    """What a JSON document says that it is."""

    kind: str = ""


def adapter_among(names: Sequence[str]) -> tuple[AdapterProfile | None, list[str]]:
    """The profile of an adapter that --from names, and the rest, which says what servers cost otherwise.

    Raises InputError for two of them, or one that cannot be read.
    """
    found = {name: path for name in names if (path := _profile_at(Path(name), "adapter")) is not None}
    if len(found) > 1:
        raise InputError(
            f"--from {' and '.join(found)} are profiles of adapters, and a plan has one", "name one of them"
        )
    rest = [name for name in names if name not in found]
    return (read_adapter(*found.values()) if found else None), rest


def profile_among(names: Sequence[str]) -> Path | None:
    """The profile that --from names, or a calibration's folder; None where it names runs.

    Raises InputError where a profile stands beside something else.
    """
    found = [path for name in names if (path := _profile_at(Path(name), "profile")) is not None]
    if found and len(names) > 1:
        raise InputError(
            f"--from {found[0]} is a profile, and stands for all that is known of the server",
            "name it alone, or only runs",
        )
    return found[0] if found else None


def _profile_at(path: Path, kind: str) -> Path | None:
    file = path / FILE_NAME if path.is_dir() else path
    if file.suffix != ".json" or not file.is_file():
        return None
    # a damaged one in its folder is a server's: reading it says what is wrong
    said = _kind_of(file) or ("profile" if path.is_dir() else "")
    return file if said == kind else None


def _kind_of(path: Path) -> str:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_SaidKind).kind
    except (OSError, msgspec.DecodeError):
        return ""


def read_adapter(path: Path) -> AdapterProfile:
    """Read an adapter's profile. Raises InputError naming the file and what is wrong with it."""
    found: AdapterProfile = _decoded(path, AdapterProfile, "siotool lab measure")
    sides = [found.server] + ([found.backend] if found.backend is not None else [])
    for side in sides:
        _check_replicates(path, side.names, side.replicates)
        if side.names[0] != "base":
            raise InputError(f"{path}: costs without that of rest", "the file was changed: measure again")
    return found


def read_profile(path: Path) -> CalibratedProfile:
    """Read a profile, or that of a folder. Raises InputError naming the file and what is wrong with it."""
    path = path / FILE_NAME if path.is_dir() else path
    found: CalibratedProfile = _decoded(path, CalibratedProfile, "siotool loadtest --calibrate")
    _check_replicates(path, found.names, found.replicates)
    return found


def _decoded(path: Path, form: type, made_by: str) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes(), type=form)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", "name a profile.json") from None
    except msgspec.DecodeError as error:  # of any kind: no JSON, another version, a figure that is none
        raise InputError(f"{path} is no profile of this version: {error}", f"make one: {made_by}") from None


def _check_replicates(path: Path, names: Sequence[str], replicates: Sequence[Sequence[float]]) -> None:
    whole = len(replicates) == len(names) > 0
    if not whole or not all(row and len(row) == len(replicates[0]) for row in replicates):
        raise InputError(f"{path}: costs without replicates", "the file was changed: measure again")
