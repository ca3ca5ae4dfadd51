"""The official client in a real browser polls first, upgrades, and talks with the servers of the tests."""

from contextlib import contextmanager

import pytest

from siotool.target.process import TargetProcess
from tests.integration.servers.node import node, node_server
from tests.integration.servers.process import PROGRAMS

pytestmark = [pytest.mark.slow, pytest.mark.node]

PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<script src="/socket.io.js"></script>
<script>
const done = (said) => fetch("/done", { method: "POST", body: JSON.stringify(said) });
window.onerror = (message) => done({ error: String(message) });
const socket = io("TARGET", { reconnection: false });
socket.on("connect_error", (error) => done({ error: error.message }));
const upgraded = new Promise((resolve) => {
  socket.io.on("open", () => {
    const { engine } = socket.io;
    engine.once("upgrade", () => resolve([first, engine.transport.name]));
    const first = engine.transport.name;
  });
});
socket.on("connect", async () => {
  const transports = await upgraded;
  const heard = new Promise((resolve) => socket.on("chat message", (...args) => resolve(args)));
  socket.emit("chat message", "to all", { "é": [1, null] });
  const bytes = new Uint8Array([1, 2, 255]);
  const [echoed, same] = await new Promise((resolve) => {
    socket.emit("echo", bytes, "text", (...args) => resolve(args));
  });
  const asked = new Promise((resolve) => socket.emit("ask me", "who", resolve));
  socket.on("whoami", (question, answer) => answer(question + "?"));
  done({
    transports,
    heard: await heard,
    bytes: [...new Uint8Array(echoed)],
    same,
    asked: await asked,
  });
});
</script>
"""


@contextmanager
def embedded():
    with TargetProcess() as process:
        yield process


@contextmanager
def official():
    with node_server(cors={"origin": "*"}) as server:
        yield server


@pytest.mark.parametrize("serve", [embedded, official])
def test_a_page_connects_upgrades_and_talks(visit, serve):
    node()
    with serve() as server:
        said = visit(
            {
                "/": PAGE.replace("TARGET", server.url).encode(),
                "/socket.io.js": (
                    PROGRAMS / "node_modules/socket.io-client-4/dist/socket.io.js"
                ).read_bytes(),
            }
        )
    assert said == {
        "transports": ["polling", "websocket"],
        "heard": ["to all", {"é": [1, None]}],
        "bytes": [1, 2, 255],
        "same": "text",
        "asked": "who?",
    }
