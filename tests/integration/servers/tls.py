"""Certificates of a CA made for one test."""

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificates:
    """PEM files: a CA, a server's for localhost and 127.0.0.1, a client's, and a CA that signed neither."""

    ca: Path
    cert: Path
    key: Path
    pair: Path
    client_cert: Path
    client_key: Path
    other_ca: Path

    def server(self, *, ask_client: bool = False) -> dict[str, object]:
        """Return the option ``tls`` of a server; ``ask_client``: refuse who has no certificate of the CA."""
        ca = {"ca": self.ca} if ask_client else {}
        return {"cert": self.cert, "key": self.key, "requestCert": ask_client, **ca}


def make_certificates(folder: Path) -> Certificates:
    """Make them in a folder."""
    ca, other = trustme.CA(), trustme.CA()
    server = ca.issue_cert("localhost", "127.0.0.1")
    client = ca.issue_cert("client@example.org")
    files = Certificates(
        *(folder / name for name in ("ca.pem", "server.pem", "server.key", "server-both.pem")),
        *(folder / name for name in ("client.pem", "client.key", "other-ca.pem")),
    )
    ca.cert_pem.write_to_path(files.ca)
    other.cert_pem.write_to_path(files.other_ca)
    server.private_key_and_cert_chain_pem.write_to_path(files.pair)
    for leaf, cert, key in ((server, files.cert, files.key), (client, files.client_cert, files.client_key)):
        leaf.cert_chain_pems[0].write_to_path(cert)
        leaf.private_key_pem.write_to_path(key)
    return files
