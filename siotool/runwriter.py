"""Writing a run file: line by line, so that a crash loses one interval at most."""

import errno
import os
from contextlib import suppress
from pathlib import Path

import msgspec

from siotool.errors import OutputError
from siotool.runfile import FILE_NAME, Line


class Writer:
    """Appends lines to a new run file; each is on disk when ``write`` returns."""

    def __init__(self, folder: Path) -> None:
        """Make ``folder`` and an empty run file in it; never overwrites one."""
        self.path = folder / FILE_NAME
        try:
            if folder.is_file():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("xb", buffering=0)
        except FileExistsError:
            raise OutputError(f"{self.path} already exists", "choose another --out folder") from None
        except OSError as error:
            raise OutputError(
                f"cannot write a run to {folder}: {error.strerror}", "choose another folder with --out"
            ) from error
        self._size = 0
        self._encoder = msgspec.json.Encoder()

    def write(self, line: Line) -> None:
        """Append one line. Raises OutputError, and leaves whole lines, when the disk is full."""
        data = self._encoder.encode(line) + b"\n"
        try:
            written = 0
            while written < len(data):
                written += self._file.write(data[written:])
        except OSError as error:
            with suppress(OSError):  # the half line stays, and readers leave it out
                self._file.truncate(self._size)
                self._file.seek(self._size)
            raise OutputError(
                f"cannot go on writing {self.path}: {error.strerror}",
                "what was measured until here is kept; free some space or choose another --out",
            ) from error
        self._size += len(data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
