"""nginx and HAProxy in front of servers, on a free loopback port. They end with their parent."""

import http.client
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from tests.integration.servers.process import PATIENCE_S, Server
from tests.integration.servers.tls import Certificates

#: Which backend a client gets: that of its address, that its cookie names, or each in turn.
Sticky = Literal["address", "cookie", "none"]

#: Runs a command in the background, says its process id, and ends it when standard input closes.
#: The command alone keeps the listening socket, whose number comes first.
SHELL = (
    'door=$1; shift; "$@" & child=$!; eval "exec $door>&-"; echo $child; cat >/dev/null; kill $child; wait'
)

READY = "/proxy-ready"


@dataclass(frozen=True)
class Proxy:
    """A running proxy."""

    url: str
    port: int
    pid: int


@contextmanager
def nginx(
    servers: Sequence[Server],
    *,
    sticky: Sticky = "address",
    upgrade: bool = True,
    idle_timeout_s: float = 60,
    path: str = "/",
    tls: Certificates | None = None,
) -> Iterator[Proxy]:
    """Run nginx in front of servers.

    ``upgrade=False`` leaves the header Upgrade out, as a location without WebSocket does.
    ``idle_timeout_s`` cuts a connection on which a server says nothing for so long.
    ``path`` is put before each path, and taken off again: ``/some/prefix/``.
    Addresses are told apart by all four numbers of an IPv4 address, not by three as ip_hash does:
    tests have only 127.0.0.0/8.
    """
    program = _find("nginx")
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.create_server(("127.0.0.1", 0), backlog=4096) as door,
    ):
        port = door.getsockname()[1]
        lines = "\n    ".join(f"server 127.0.0.1:{server.port};" for server in servers)
        same = "\n    ".join(f'"127.0.0.1:{server.port}" "127.0.0.1:{server.port}";' for server in servers)
        https = f"ssl_certificate {tls.pair}; ssl_certificate_key {tls.pair};" if tls else ""
        config = f"""
daemon off;
{"user root;" if os.geteuid() == 0 else ""}
worker_processes 1;
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream backends {{
    {"hash $remote_addr;" if sticky == "address" else ""}
    {lines}
  }}
  map $cookie_backend $backend {{
    default backends;
    {same if sticky == "cookie" else ""}
  }}
  map $http_upgrade $connection_header {{ default upgrade; "" ""; }}
  server {{
    listen 127.0.0.1:{port}{" ssl" if tls else ""};
    {https}
    location = {READY} {{ return 204; }}
    location {path} {{
      {f"rewrite ^{path}(.*)$ /$1 break;" if path != "/" else ""}
      proxy_pass http://$backend;
      proxy_http_version 1.1;
      {"proxy_set_header Upgrade $http_upgrade;" if upgrade else ""}
      proxy_set_header Connection {"$connection_header" if upgrade else '""'};
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_read_timeout {round(idle_timeout_s * 1000)}ms;
      {'add_header Set-Cookie "backend=$upstream_addr; Path=/; HttpOnly";' if sticky == "cookie" else ""}
    }}
  }}
}}
"""
        written = Path(folder) / "nginx.conf"
        written.write_text(config)
        with _running([program, "-p", folder, "-c", str(written)], door, "NGINX", bool(tls)) as proxy:
            yield proxy


@contextmanager
def haproxy(
    servers: Sequence[Server],
    *,
    sticky: Sticky = "address",
    idle_timeout_s: float = 60,
    tls: Certificates | None = None,
) -> Iterator[Proxy]:
    """Run HAProxy in front of servers; ``idle_timeout_s`` cuts a WebSocket on which nothing passes."""
    program = _find("haproxy")
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.create_server(("127.0.0.1", 0), backlog=4096) as door,
    ):
        balance = {
            "address": "balance source\n  hash-type consistent",
            "cookie": "balance roundrobin\n  cookie backend insert indirect nocache",
            "none": "balance roundrobin",
        }[sticky]
        lines = "\n  ".join(
            f"server s{number} 127.0.0.1:{server.port} cookie s{number}"
            for number, server in enumerate(servers)
        )
        config = f"""
global
  maxconn 8192
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel {round(idle_timeout_s * 1000)}ms
frontend door
  bind fd@{door.fileno()}{f" ssl crt {tls.pair}" if tls else ""}
  http-request return status 204 if {{ path {READY} }}
  option forwardfor
  default_backend backends
backend backends
  {balance}
  {lines}
"""
        written = Path(folder) / "haproxy.cfg"
        written.write_text(config)
        with _running([program, "-db", "-f", str(written)], door, None, bool(tls)) as proxy:
            yield proxy


def _find(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@contextmanager
def _running(command: list[str], door: socket.socket, inherit: str | None, tls: bool) -> Iterator[Proxy]:
    """Run a proxy that takes over a listening socket: no other process can take its port meanwhile."""
    environment = {inherit: f"{door.fileno()};"} if inherit else {}
    process = subprocess.Popen(
        ["bash", "-c", SHELL, "bash", str(door.fileno()), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[door.fileno()],
        env={"PATH": "/usr/bin:/bin", **environment},
        start_new_session=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        port = door.getsockname()[1]
        try:
            pid = int(process.stdout.readline())
            door.close()
            _wait_until_it_answers(port, tls)
            yield Proxy(f"{'https' if tls else 'http'}://127.0.0.1:{port}", port, pid)
        finally:
            process.stdin.close()
            process.wait(PATIENCE_S)


def _wait_until_it_answers(port: int, tls: bool) -> None:
    """The socket listens already: one question waits for its answer. A proxy that ended closed it."""
    if tls:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=PATIENCE_S, context=context
        )
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("GET", READY)
        assert connection.getresponse().status == 204
    except (OSError, http.client.HTTPException) as error:
        pytest.fail(f"the proxy did not start; its message is above: {error!r}")
    finally:
        connection.close()
