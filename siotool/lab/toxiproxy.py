"""Toxiproxy in front of the parts of a lab: its program, and what it is asked for over its HTTP API.

Source: github.com/Shopify/toxiproxy, README, "HTTP API". It is asked on loopback, and answers at once.
"""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from siotool.errors import TargetError
from siotool.lab.lab import Lab
from siotool.lab.lab_program import LabProgram
from siotool.lab.tools import path_of
from siotool.lab.toxic import Toxic

NAME = "toxiproxy"
_FILE = "toxiproxy.json"
_PATIENCE_S = 5.0
_PORT = re.compile(r"(?<=127\.0\.0\.1:)\d+")


class Fronts:
    """In front of which port each proxy of Toxiproxy stands; none where a lab has none."""

    def __init__(self, behind: Mapping[str, int], ports: Sequence[int]) -> None:
        """``behind`` are the ports of parts by name; each gets one of ``ports``."""
        self.proxies = {
            name: (port, front) for (name, port), front in zip(behind.items(), ports, strict=True)
        }
        self._of = dict(self.proxies.values())

    def port(self, port: int) -> int:
        """Return the port at which what listens on ``port`` is to be found."""
        return self._of.get(port, port)

    def url(self, url: str) -> str:
        """Return the same URL of a part, by way of its proxy."""
        return _PORT.sub(lambda found: str(self.port(int(found[0]))), url)

    def program(self, folder: Path, port: int) -> LabProgram:
        """Write its configuration, and return the program whose API listens on ``port``."""
        proxies = [
            {"name": name, "listen": f"127.0.0.1:{front}", "upstream": f"127.0.0.1:{behind}", "enabled": True}
            for name, (behind, front) in self.proxies.items()
        ]
        (folder / _FILE).write_text(json.dumps(proxies, indent=2) + "\n", encoding="utf-8")
        command = [path_of("toxiproxy-server"), "-host=127.0.0.1", f"-port={port}", f"-config={_FILE}"]
        return LabProgram(name=NAME, role="proxy", command=command, folder=folder, port=port)


def fronts_of(lab: Lab, servers: Sequence[int], backends: Sequence[int], fronts: Sequence[int]) -> Fronts:
    """Return what is in front of the ports of a lab's parts; nothing where it has no toxics.

    ``servers`` are the ports of its servers or its primary, and of its balancer; ``backends`` those of what
    carries and of what keeps; ``fronts`` are free ones.
    """
    if not lab.toxics:
        return Fronts({}, ())
    behind = dict(zip(lab.proxied, servers, strict=False))
    for name in lab.proxied[len(servers) :]:
        behind[name] = backends[name == lab.store != lab.adapter]
    last = len(servers) - 1
    # its port is that of the one URL: of the only server, the primary or the balancer
    own = [lab.port if number == last and lab.port else port for number, port in enumerate(fronts)]
    return Fronts(behind, own)


class ToxiproxyApi:
    """What Toxiproxy is asked for. Every method raises TargetError when it refuses, or does not answer."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"
        # no proxy of the environment: it is asked on loopback
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        #: Parts to which connections are refused.
        self._refused: set[str] = set()

    def check(self, names: Sequence[str]) -> None:
        """Raise TargetError where it has no proxy of a name: it goes on without those it cannot start."""
        found = self._ask("GET", "/proxies")
        lacking = [name for name in names if not found.get(name, {}).get("enabled")]
        if lacking:
            raise TargetError(f"{NAME} has no proxy {', '.join(lacking)}", f"its words are in {NAME}.log")

    def add(self, name: str, toxic: Toxic) -> None:
        """Give a toxic to the connections of a part."""
        for stream in toxic.streams:
            asked = {"type": toxic.type, "stream": stream, "attributes": dict(toxic.attributes)}
            self._ask("POST", f"/proxies/{name}/toxics", asked)

    def heal(self, name: str, kind: str) -> None:
        """Take the toxics of a type from the connections of a part; all of them where ``kind`` is empty."""
        for toxic in self._ask("GET", f"/proxies/{name}/toxics"):
            if kind in ("", toxic["type"]):
                self._ask("DELETE", f"/proxies/{name}/toxics/{toxic['name']}")

    def settle(self, ended: Mapping[str, bool]) -> None:
        """Refuse connections to parts that have ended, and to no others."""
        for name, gone in ended.items():
            if gone != (name in self._refused):
                self._ask("POST", f"/proxies/{name}", {"enabled": not gone})
                self._refused ^= {name}

    def forget(self) -> None:
        """It has ended: started again, it refuses nothing."""
        self._refused.clear()

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        given = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "siotool"}
        request = urllib.request.Request(self._url + path, given, headers, method=method)
        try:
            with self._opener.open(request, timeout=_PATIENCE_S) as response:
                return json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            said = error.read().decode("utf-8", "replace").strip()
            raise TargetError(f"{NAME} refuses {method} {path}: {error.code} {said}") from error
        except (OSError, ValueError) as error:
            raise TargetError(f"{NAME} does not answer {method} {path}: {error}") from error
