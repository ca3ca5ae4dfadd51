"""A lab's document store against a server that answers as CouchDB's protocol allows, and seldom does."""

import json
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from siotool.lab.tools import path_of

pytestmark = pytest.mark.slow

STORES = Path(__file__).parents[2] / "siotool/lab/stores.mjs"
#: What a third server keeps.
OTHER = "of another"
#: Two servers write to one conversation at once, and say under which offset each text is kept.
WRITE = """
const { openStore } = await import(process.argv[1]);
const stores = [await openStore("couchdb", process.argv[2]), await openStore("couchdb", process.argv[2])];
const texts = Array.from({ length: 60 }, (_, number) => `text ${number}`);
const offsets = await Promise.all(texts.map((text, number) => stores[number % 2].add("a:b", text)));
const kept = await stores[0].after("a:b", 0, 1000);
const later = await stores[1].after("a:b", 50, 4);
console.log(JSON.stringify({ texts, offsets, kept, later, figures: await stores[0].figures() }));
"""


class Backwards(BaseHTTPRequestHandler):
    """Keeps documents, refuses ids that it has, and answers each batch in the reverse order.

    Of a batch of several it has the first already, of a server that was quicker, for the first three times.
    """

    kept: dict[str, Any]
    alone = Lock()

    def do_PUT(self) -> None:
        self.answer({"ok": True})

    def do_POST(self) -> None:
        answers = []
        documents = json.loads(self.rfile.read(int(self.headers["content-length"])))["docs"]
        with self.alone:
            if len(documents) > 2 and sum(one["payload"] == OTHER for one in self.kept.values()) < 3:
                self.kept.setdefault(documents[0]["_id"], {**documents[0], "payload": OTHER})
            for one in documents:
                refused = one["_id"] in self.kept
                self.kept.setdefault(one["_id"], one)
                answers.append({"id": one["_id"], **({"error": "conflict"} if refused else {"ok": True})})
        self.answer(answers[::-1])

    def do_GET(self) -> None:
        query = {key: json.loads(value) for key, [value] in parse_qs(urlsplit(self.path).query).items()}
        if not query:
            self.answer({"doc_count": len(self.kept), "disk_size": 4711})
            return
        low, high = sorted((query["startkey"], query["endkey"]))
        found = sorted((key for key in self.kept if low <= key <= high), reverse="descending" in query)
        self.answer({"rows": [{"doc": self.kept[key]} for key in found[: query["limit"]]]})

    def answer(self, said: object) -> None:
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    handler = type("Handler", (Backwards,), {"kept": {}})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.skipif(not path_of("node"), reason="Node.js is not installed")
def test_each_text_is_kept_once_under_its_own_offset_whatever_the_order_of_answers(url: str) -> None:
    """PouchDB Server answers in another order under load: one text was kept twice, and another not at all."""
    done = subprocess.run(
        ["node", "--input-type=module", "-e", WRITE, str(STORES), url],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [one["offset"] for one in found["kept"]] == list(range(1, len(found["kept"]) + 1)), "no gap"
    assert len(found["kept"]) > 60, "some were refused"
    kept = {one["offset"]: one["text"] for one in found["kept"] if one["text"] != OTHER}
    assert kept == dict(zip(found["offsets"], found["texts"], strict=True))
    assert [one["offset"] for one in found["later"]] == [51, 52, 53, 54]
    assert found["figures"] == {"messages": len(found["kept"]), "dead": 0, "bytes": 4711}
