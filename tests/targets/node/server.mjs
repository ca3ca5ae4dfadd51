// A real Socket.IO server for siotool's tests: chat, echo, rooms, direct messages, logins and ticks,
// with its own counters and a few ways to misbehave on command.
//
//   node server.mjs [--port 0] [--tick-rate 0] [--omit-every 0] [--duplicate-every 0]
//                   [--ping-interval 25000] [--ping-timeout 20000] [--deflate-over 0] [--answer-every 0]
//                   [--login 0]
//
// On every namespace (/, /private, /auth): chat message, echo, join ROOM, leave ROOM, say ROOM …,
// direct SID … or direct USER ….  /private asks for the token "sesame", /auth for a JSON Web Token
// (../servers/lib/token.mjs); with --login 1 the namespace / does, too.
//
// prints {"port": …, "pid": …} on one line once it accepts connections, and ends when its
// standard input closes.
//
//   GET  /counters               what it received and sent (see counters() below)
//   POST /stall?ms=2000          blocks the event loop for so long, then answers
//   POST /kick[?close=false]     disconnects every client, and closes its transport or not
//
// --deflate-over BYTES compresses messages of so many bytes for clients that offer it.
// --answer-every MS answers echoes one after another, each so long after the one before.
// --omit-every N leaves every Nth chat message out; --duplicate-every M sends every Mth twice.

import { createServer } from "node:http";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { Server } from "socket.io";
import { login } from "../servers/lib/token.mjs";

const NAMESPACES = ["/", "/private", "/auth"];

const options = readOptions();
const received = new Map(); // event name → events received
const users = new Map(); // name in a token → connections
const refused = new Map(); // why a token was refused → connections
const sent = new Map(); // event name → deliveries handed to connections, one per recipient
const live = new Set(); // TCP connections that carried a Socket.IO request and are open
const closed = { connections: 0, bytesRead: 0, bytesWritten: 0 };
const messages = { published: 0, omitted: 0, duplicated: 0 };

const http = createServer(control);
const io = new Server(http, {
  cors: { origin: "*" },
  pingInterval: options["ping-interval"],
  pingTimeout: options["ping-timeout"],
  perMessageDeflate: options["deflate-over"] > 0 && { threshold: options["deflate-over"] },
});

// after Socket.IO took its place in front of the other listeners, so that these see every request
http.prependListener("request", watch);
http.prependListener("upgrade", watch);

for (const name of NAMESPACES) {
  io.of(name).on("connection", (socket) => {
    socket.onAny((event) => add(received, event, 1));
    if (socket.user !== undefined) {
      add(users, socket.user, 1);
      socket.join(socket.user);
    }
    speak(socket.nsp, socket);
  });
}
io.of("/private").use((socket, next) => {
  next(socket.handshake.auth.token === "sesame" ? undefined : new Error("not allowed"));
});
for (const name of options.login ? ["/", "/auth"] : ["/auth"]) {
  io.of(name).use(login((_socket, error) => add(refused, error.message, 1)));
}

// HOST is for servers in a network namespace that the tests have made
http.listen({ host: process.env.HOST ?? "127.0.0.1", port: options.port, backlog: 4096 }, () => {
  if (options["tick-rate"] > 0) tick(0, performance.now());
  console.log(JSON.stringify({ port: http.address().port, pid: process.pid }));
});
process.stdin.on("end", () => process.exit(0)).resume();

function readOptions() {
  const defaults = {
    port: 0,
    "tick-rate": 0,
    "omit-every": 0,
    "duplicate-every": 0,
    "ping-interval": 25000,
    "ping-timeout": 20000,
    "deflate-over": 0,
    "answer-every": 0,
    login: 0,
  };
  const known = Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: "string" }]));
  const { values } = parseArgs({ options: known });
  for (const [name, text] of Object.entries(values)) {
    if (!Number.isFinite(Number(text))) throw new Error(`--${name} ${text}: not a number`);
  }
  return { ...defaults, ...Object.fromEntries(Object.entries(values).map(([k, v]) => [k, Number(v)])) };
}

function add(map, name, count) {
  map.set(name, (map.get(name) ?? 0) + count);
}

let nextAnswer = 0; // when the next echo may be answered, ms of performance.now()

function echo(...args) {
  const acknowledge = args.pop();
  if (typeof acknowledge !== "function") return;
  const every = options["answer-every"];
  if (!every) return acknowledge(...args);
  nextAnswer = Math.max(nextAnswer + every, performance.now());
  setTimeout(() => acknowledge(...args), nextAnswer - performance.now());
}

function speak(namespace, socket) {
  const { rooms } = namespace.adapter;
  socket.on("chat message", (...args) => publish(namespace, args));
  socket.on("echo", echo);
  socket.on("join", (room, acknowledge) => {
    socket.join(room);
    acknowledge?.();
  });
  socket.on("leave", (room, acknowledge) => {
    socket.leave(room);
    acknowledge?.();
  });
  for (const event of ["say", "direct"]) {
    socket.on(event, (room, ...args) => broadcast(namespace.to(room), rooms.get(room), event, args));
  }
}

function broadcast(to, recipients, name, args) {
  add(sent, name, recipients?.size ?? 0);
  to.emit(name, ...args);
}

function publish(namespace, args) {
  messages.published += 1;
  if (messages.published % options["omit-every"] === 0) {
    messages.omitted += 1;
    return;
  }
  broadcast(namespace, namespace.sockets, "chat message", args);
  if (messages.published % options["duplicate-every"] === 0) {
    messages.duplicated += 1;
    broadcast(namespace, namespace.sockets, "chat message", args);
  }
}

// times keep to a grid; a stalled server leaves grid points out and does not catch up in a burst
function tick(seq, due) {
  const period = 1000 / options["tick-rate"];
  const next = due + period * Math.max(1, Math.ceil((performance.now() - due) / period));
  setTimeout(() => {
    // the wall clock: performance.timeOrigin may be milliseconds ahead of it
    const sent_at = Date.now() / 1000;
    broadcast(io, io.of("/").sockets, "tick", [{ seq, sent_at }]);
    tick(seq + 1, next);
  }, next - performance.now());
}

function watch(request) {
  const connection = request.socket;
  if (!request.url.startsWith("/socket.io/") || live.has(connection)) return;
  live.add(connection);
  connection.on("close", () => {
    live.delete(connection);
    closed.connections += 1;
    closed.bytesRead += connection.bytesRead;
    closed.bytesWritten += connection.bytesWritten;
  });
}

// bytes: TCP payload of every connection, open or closed, that ever carried a Socket.IO request
function counters() {
  let { bytesRead, bytesWritten } = closed;
  for (const connection of live) {
    bytesRead += connection.bytesRead;
    bytesWritten += connection.bytesWritten;
  }
  return {
    bytes_read: bytesRead,
    bytes_written: bytesWritten,
    tcp_open: live.size,
    tcp_closed: closed.connections,
    connected: connected(),
    sessions: io.engine.clientsCount,
    users: Object.fromEntries(users),
    refused: Object.fromEntries(refused),
    received: Object.fromEntries(received),
    sent: Object.fromEntries(sent),
    ...messages,
  };
}

function connected() {
  return NAMESPACES.reduce((sum, name) => sum + io.of(name).sockets.size, 0);
}

function control(request, response) {
  const url = new URL(request.url, "http://127.0.0.1");
  const answer = (status, body) => {
    response.writeHead(status, { "content-type": "application/json", connection: "close" });
    response.end(JSON.stringify(body));
  };
  switch (`${request.method} ${url.pathname}`) {
    case "GET /counters":
      return answer(200, counters());
    case "POST /stall": {
      const ms = Number(url.searchParams.get("ms"));
      if (!(ms > 0)) return answer(400, { error: "ms must be a positive number" });
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
      return answer(200, { stalled_ms: ms });
    }
    case "POST /kick": {
      const kicked = connected();
      const close = url.searchParams.get("close") !== "false";
      for (const name of NAMESPACES) io.of(name).disconnectSockets(close);
      return answer(200, { kicked });
    }
    default:
      return answer(404, { error: "no such thing" });
  }
}
