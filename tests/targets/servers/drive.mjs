// The official clients, driven: each command on standard input is carried out, and answered by a line.
//
//   node drive.mjs      {"number": 1, "do": "open", "id": "a", "version": "4", "url": "…", …}
//
// | do      | fields                                                                                   |
// |---------|------------------------------------------------------------------------------------------|
// | `open`  | `id`, `version`, `url`, `namespaces`, `auth`, `options` (the client's own), `msgpack`,   |
// |         | `answers` (by event: what answers a server that asks); done when each namespace answered |
// | `burst` | `id`, `sent`: [namespace, event, args, whether to be acknowledged], all in one tick;     |
// |         | `answers`: those of what was to be acknowledged                                          |
// | `until` | `id`, `entries`: how one of the log begins, `nth`: so many of them                       |
// | `waits` | `options` of a Manager, `chances`: its random numbers; `waits`: before each try, in ms   |
// | `close` | `id`; `received`: bytes of a WebSocket's TCP connection                                |
//
// Every answer has what was added to the client's `log` since the last: ["connect", NAMESPACE], ["refused", NAMESPACE, MESSAGE, DATA],
// ["event", NAMESPACE, EVENT, ARGS], ["disconnect", NAMESPACE, REASON], ["upgrade", TRANSPORT],
// ["attempt", NUMBER, SECONDS], ["failed", MESSAGE] (a connect), ["recovered", NAMESPACE].
// Values: bytes are {"base64"}, what JSON has no word for is {"js": "-0"} or {"js": "undefined"}, ….

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { obey, print } from "./lib/process.mjs";

const require = createRequire(import.meta.url);
const clients = new Map();
const WORDS = { "-0": -0, undefined, Infinity, "-Infinity": -Infinity, NaN };

function revived(value) {
  if (Array.isArray(value)) return value.map(revived);
  if (value === null || typeof value !== "object") return value;
  if (typeof value.base64 === "string") return Buffer.from(value.base64, "base64");
  if (typeof value.js === "string") return WORDS[value.js];
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, revived(part)]));
}

function shown(value) {
  if (Array.isArray(value)) return value.map(shown);
  if (value === undefined || Object.is(value, -0) || Math.abs(value) === Infinity) {
    return { js: Object.is(value, -0) ? "-0" : String(value) };
  }
  if (value === null || typeof value !== "object") return value;
  if (ArrayBuffer.isView(value)) return { base64: Buffer.from(value.buffer, value.byteOffset, value.length).toString("base64") };
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, shown(part)]));
}

class Client {
  constructor({ version, url, namespaces, auth, options = {}, msgpack, answers = {} }) {
    const found = require(`socket.io-client-${version}`);
    for (const name of ["ca", "cert", "key"]) if (options[name]) options[name] = readFileSync(options[name]);
    if (msgpack) options.parser = require(version === "2" ? "socket.io-msgpack-parser-2" : "socket.io-msgpack-parser");
    this.version = version;
    this.log = [];
    this.told = 0;
    this.waiting = [];
    this.manager = new found.Manager(url, { reconnection: false, forceNew: true, autoConnect: false, ...options });
    this.sockets = new Map(namespaces.map((name) => [name, this.join(name, { auth, query: options.query }, answers)]));
    const { manager } = this;
    const began = () => (this.lost === undefined ? 0 : (performance.now() - this.lost) / 1000);
    manager.on("reconnect_attempt", (number) => this.note("attempt", number, began()));
    manager.on(version === "2" ? "connect_error" : "error", (error) => this.note("failed", error.message ?? String(error)));
    manager.on("close", () => (this.lost = performance.now()));
    manager.on("open", () => {
      const { engine } = manager;
      engine.on("upgrade", (transport) => this.note("upgrade", transport.name));
      engine.on("upgradeError", (error) => this.note("upgrade failed", error.message));
    });
  }

  news(answer) {
    const log = this.log.slice(this.told);
    this.told = this.log.length;
    return { ...answer, log };
  }

  note(...entry) {
    this.log.push(shown(entry));
    this.waiting = this.waiting.filter((look) => !look());
  }

  join(name, own, answers) {
    const socket = this.manager.socket(name, own);
    socket.on("connect", () => {
      this.note("connect", name);
      if (socket.recovered) this.note("recovered", name);
    });
    const refused = (error) => this.note("refused", name, error.message ?? "", error.data ?? null);
    if (this.version === "2") {
      // its data, or else its message
      socket.on("error", (said) => this.note("refused", name, typeof said === "string" ? said : "", typeof said === "string" ? null : said));
    } else {
      socket.on("connect_error", (error) => {
        if (!error.type && !error.description) refused(error);
      });
    }
    socket.on("disconnect", (reason) => this.note("disconnect", name, reason));
    const heard = (event, args) => {
      const answer = typeof args.at(-1) === "function" ? args.pop() : undefined;
      this.note("event", name, event, args);
      if (answer && Object.hasOwn(answers, event)) answer(...revived(answers[event]));
    };
    if (this.version === "2") {
      // it has no listener for any event
      const emitted = socket.onevent;
      socket.onevent = (packet) => {
        const args = [...(packet.data ?? [])];
        if (packet.id !== undefined) args.push(socket.ack(packet.id));
        heard(args[0], args.slice(1));
        emitted.call(socket, { ...packet, id: undefined });
      };
    } else {
      socket.onAny((event, ...args) => heard(event, args));
    }
    return socket;
  }

  until(entries, nth = 1) {
    const begins = (found, entry) => entry.every((part, at) => JSON.stringify(part) === JSON.stringify(found[at]));
    const fits = (found) => entries.some((entry) => begins(found, entry));
    return new Promise((done) => {
      const look = () => this.log.filter(fits).length >= nth && (done(), true);
      if (!look()) this.waiting.push(look);
    });
  }

  open() {
    for (const socket of this.sockets.values()) socket.connect();
    const names = [...this.sockets.keys()];
    const answered = (name) => this.log.some(([kind, of]) => (kind === "connect" || kind === "refused") && of === name);
    return new Promise((done) => {
      const look = () => (this.log.some(([kind]) => kind === "failed") || names.every(answered)) && (done(), true);
      this.waiting.push(look);
    });
  }
}

obey({
  async open({ id, ...how }) {
    const client = new Client(how);
    clients.set(id, client);
    await client.open();
    return client.news({});
  },
  async burst({ id, sent }) {
    const client = clients.get(id);
    const answers = sent.map(([namespace, event, args, acknowledged]) => {
      const socket = client.sockets.get(namespace);
      if (!acknowledged) return void socket.emit(event, ...args.map(revived));
      return new Promise((done) => socket.emit(event, ...args.map(revived), (...answer) => done(shown(answer))));
    });
    return client.news({ answers: await Promise.all(answers.filter((answer) => answer !== undefined)) });
  },
  async until({ id, entries, nth }) {
    const client = clients.get(id);
    await client.until(entries, nth);
    return client.news({});
  },
  waits({ options, chances }) {
    const { Manager } = require("socket.io-client-4");
    const manager = new Manager("http://127.0.0.1", { autoConnect: false, ...options });
    const { random } = Math;
    const waits = chances.map((chance) => {
      Math.random = () => chance;
      return manager.backoff.duration();
    });
    Math.random = random;
    return { waits };
  },
  close({ id }) {
    const client = clients.get(id);
    const received = client.manager.engine?.transport?.ws?._socket?.bytesRead;
    for (const socket of client.sockets.values()) socket.disconnect();
    client.manager.engine?.close();
    clients.delete(id);
    return client.news({ received });
  },
});
print("ready", { port: 0, pid: process.pid });
