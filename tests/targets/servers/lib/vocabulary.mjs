// What every server here understands: see README.md. Works with Socket.IO 2, 3 and 4.

import { print } from "./process.mjs";
import { login } from "./token.mjs";

export const DYNAMIC = /^\/dyn-\d+$/;
export const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, value) => value));

/** Speak the vocabulary on every namespace of a server. */
export function speak(io, { login: always, allow, quiet }) {
  if (always) io.use(door);
  if (allow !== undefined) io.use(full(allow));
  io.of("/auth").use(door);
  for (const name of ["/", "/chat", "/auth", DYNAMIC]) {
    io.of(name).on("connection", (socket) => {
      report(socket, quiet);
      answer(socket);
    });
  }
  reportEngine(io);
}

/** Lets in who has a token, and prints who has none. */
export const door = login((socket, error) => {
  print("refused", { namespace: socket.nsp.name, message: error.message, data: error.data });
});

/** A middleware that lets in the first clients, and refuses all others. */
function full(allow) {
  let came = 0;
  return (socket, next) => {
    if (++came <= allow) return next();
    const error = Object.assign(new Error("the room is full"), { data: { code: "FULL" } });
    print("refused", { namespace: socket.nsp.name, message: error.message, data: error.data });
    next(error);
  };
}

/** Print what Engine.IO does below the namespaces. */
export function reportEngine(io) {
  const engine = io.engine ?? io.eio;
  engine.on("connection_error", ({ code, message, context }) => {
    print("connection_error", { code, message, reason: context?.message });
  });
  engine.on("connection", (connection) => {
    connection.on("upgrade", (transport) => print("upgrade", { transport: transport.name }));
  });
}

/** What a test may tell the server to do. */
export function commands(io) {
  const sockets = (namespace = "/") => {
    const found = io.of(namespace).sockets;
    return found instanceof Map ? [...found.values()] : Object.values(found);
  };
  return {
    emit({ namespace = "/", room, event, args = [] }) {
      const to = room === undefined ? io.of(namespace) : io.of(namespace).to(room);
      to.emit(event, ...args.map(revived));
      return {};
    },
    async ask({ namespace, event, args = [] }) {
      const ask = (socket) =>
        new Promise((answered) => {
          socket.emit(event, ...args.map(revived), (...answer) => answered(answer));
        });
      return { answers: await Promise.all(sockets(namespace).map(ask)) };
    },
    kick({ namespace, close }) {
      const found = sockets(namespace);
      for (const socket of found) socket.disconnect(!!close);
      return { kicked: found.length };
    },
  };
}

/** Let in one Origin only, as `allowRequest` does. */
export function onlyFrom(origin) {
  return (request, decide) => {
    const allowed = request.headers.origin === origin;
    decide(allowed ? null : "origin not allowed", allowed);
  };
}

/** Print the line of a new connection, and those of its events and its end. */
export function report(socket, quiet) {
  const namespace = socket.nsp.name;
  const sid = socket.id;
  const { query, headers, auth } = socket.handshake;
  print("connect", {
    namespace,
    sid,
    transport: socket.conn.transport.name,
    eio: socket.conn.protocol ?? 3,
    query: { ...query },
    headers,
    auth,
    user: socket.user,
    recovered: !!socket.recovered,
  });
  socket.on("disconnect", (reason) => print("disconnect", { namespace, sid, reason }));
  if (quiet) return;
  socket.use(([event, ...args], next) => {
    const ack = typeof args.at(-1) === "function";
    print("event", { namespace, sid, event, args: ack ? args.slice(0, -1) : args, ack });
    next();
  });
}

function answer(socket) {
  const on = (event, handler) =>
    socket.on(event, (...args) => {
      const acknowledge = typeof args.at(-1) === "function" ? args.pop() : () => {};
      handler(args, acknowledge);
    });
  on("echo", (args, acknowledge) => acknowledge(...args));
  on("binary", (args, acknowledge) => {
    acknowledge({ args, bytes: EVERY_BYTE, nested: { list: [Buffer.from([1]), Buffer.from([2, 3])] } });
  });
  on("chat message", (args) => socket.nsp.emit("chat message", ...args));
  on("join", async ([room], acknowledge) => {
    await socket.join(room);
    acknowledge();
  });
  on("leave", async ([room], acknowledge) => {
    await socket.leave(room);
    acknowledge();
  });
  on("say", ([room, ...args]) => socket.nsp.to(room).emit("say", ...args));
  on("direct", ([sid, ...args]) => socket.nsp.to(sid).emit("direct", ...args));
  on("ask me", (args, acknowledge) => {
    socket.emit("whoami", ...args, (...answers) => {
      print("answer", { namespace: socket.nsp.name, sid: socket.id, args: answers });
      acknowledge(...answers);
    });
  });
  on("kick", () => socket.disconnect());
  on("kick transport", () => socket.conn.close());
}

function revived(value) {
  if (Array.isArray(value)) return value.map(revived);
  if (value === null || typeof value !== "object") return value;
  if (typeof value.base64 === "string") return Buffer.from(value.base64, "base64");
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, revived(part)]));
}
