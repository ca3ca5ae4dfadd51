"""A certificate made for one lab, which only that lab's clients trust."""

import subprocess
from pathlib import Path

import msgspec

from siotool.errors import TargetError
from siotool.lab.tools import path_of


class LabCertificate(msgspec.Struct, frozen=True):
    """Files in the lab's folder, by name: the certificate, its key, and both in one."""

    certificate: str = "certificate.pem"
    key: str = "key.pem"
    both: str = "certificate-and-key.pem"


def make_certificate(folder: Path) -> LabCertificate:
    """Write a self-signed certificate of 127.0.0.1 and localhost, good for 30 days. Raises TargetError."""
    files = LabCertificate()
    done = subprocess.run(
        [
            *(
                path_of("openssl"),
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
            ),
            *("-nodes", "-days", "30", "-subj", "/CN=siotool lab", "-keyout", files.key),
            *("-out", files.certificate, "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise TargetError(f"openssl made no certificate: {' '.join(done.stderr.split())[-400:]}")
    parts = [(folder / name).read_text(encoding="ascii") for name in (files.certificate, files.key)]
    (folder / files.both).write_text("".join(parts), encoding="ascii")
    for name in (files.key, files.both):
        (folder / name).chmod(0o600)
    return files
