// One server of a lab: a Socket.IO chat on loopback, joined with others by an adapter.
//
//   node server.mjs [--port 0] [--metrics-port 0] [--adapter none] [--workers 0] [--recovery-ms 0]
//                   [--store none] [--replay missed] [--tick-rate 0] [--tls-cert FILE --tls-key FILE]
//                   [--served-by HEADER --name NAME] [--accept-queue 4096] [--socket-io 4]
//                   [--cookie NAME] [--sent FILE]
//
// The answer that opens a session has --name in the header --served-by; of a primary's workers server-1, …
//
// On the namespaces / and /chat: chat message (to all), echo (acknowledged), join ROOM, leave ROOM,
// say ROOM …, direct SID …, ask me, kick; on / each server sends tick to its own clients.
//
// With a store also post CONVERSATION TEXT, and what is kept for those who come back (conversations.mjs).
//
// The backend of an adapter is the URL in SIOTOOL_LAB_BACKEND, as it may hold a password; that of the store
// is in SIOTOOL_LAB_STORE. /store on the metrics' port has the store's own figures.
// With --adapter cluster it is a primary that forks --workers processes and hands them connections;
// --metrics-port has a port for each, parted by commas.
//
// Prints {"port": …, "pid": …, "metrics_port": …, "workers": [{"pid": …, "metrics_port": …}]} on one
// line once it accepts connections, and ends when its standard input closes. A primary then says of each worker
// that ends {"ended": PID, "code": …}, and of each that takes its place {"worker": N, "pid": …, "metrics_port": …}.

import cluster from "node:cluster";
import { openSync, readFileSync, writeSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { constants } from "node:os";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { Server } from "socket.io";
import { METRICS_PORT, WORKER_NAME, adapterFor, clusterWorker, forkOne, forkWorkers } from "./adapters.mjs";
import { converse } from "./conversations.mjs";
import { serveMetrics } from "./metrics.mjs";
import { openStore } from "./stores.mjs";

const HOST = "127.0.0.1";

// an adapter whose backend is gone rejects what it was to publish, and nobody waits for that: without this
// a restart of Redis ends each server that publishes meanwhile (Node.js; @socket.io/redis-adapter 8.3.0)
process.on("unhandledRejection", (error) => console.error(`rejected: ${error?.message ?? error}`));

const options = readOptions();
if (options.adapter === "cluster" && cluster.isPrimary) {
  await primary();
} else {
  await server();
}

function readOptions() {
  const defaults = {
    port: "0",
    "metrics-port": "0",
    adapter: "none",
    workers: "0",
    store: "none",
    replay: "missed",
    "recovery-ms": "0",
    "tick-rate": "0",
    "accept-queue": "4096",
    "socket-io": "4",
    cookie: "",
    sent: "",
    "tls-cert": "",
    "tls-key": "",
    "served-by": "",
    name: "",
  };
  const known = Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: "string" }]));
  return { ...defaults, ...parseArgs({ options: known }).values };
}

function listen(http, port) {
  return new Promise((done, failed) => {
    http.once("error", failed);
    // exclusive: workers of a primary would share any free port
    http.listen({ host: HOST, port, backlog: Number(options["accept-queue"]), exclusive: true }, () => done(http.address().port));
  });
}

// "drain MS" and "fork N" are what it may be told
function endWithInput(told) {
  createInterface({ input: process.stdin })
    .on("line", (line) => {
      const [word, amount] = line.split(" ");
      told[word]?.(Number(amount));
    })
    .on("close", () => process.exit(0));
}

// the balancer sends no one new; those who are there are closed one by one, and come back elsewhere. A client over
// long polling opens a connection for each request: the server listens until the last one is closed
function drain(io, overMs) {
  const clients = Object.values(io.engine.clients);
  clients.forEach((client, n) => setTimeout(() => client.close(), (overMs * n) / clients.length));
  setTimeout(() => {
    for (const late of Object.values(io.engine.clients)) late.close(); // over a connection that the balancer had still
    setTimeout(() => process.exit(0), 500); // who polls just then still hears that it is closed
  }, overMs);
}

async function primary() {
  const http = createServer();
  const workers = await forkWorkers(http, Number(options.workers), options["metrics-port"].split(",").map(Number));
  const port = await listen(http, Number(options.port));
  endWithInput({
    fork: async (n) => {
      workers[n - 1] = await forkOne(n, workers[n - 1].metrics_port);
      console.log(JSON.stringify({ worker: n, ...workers[n - 1] }));
    },
  });
  console.log(JSON.stringify({ port, pid: process.pid, metrics_port: 0, workers }));
  cluster.on("exit", ({ process: { pid } }, code, signal) => {
    console.log(JSON.stringify({ ended: pid, code: signal ? -constants.signals[signal] : code }));
  });
}

async function server() {
  const secure = options["tls-cert"] !== "";
  const http = secure
    ? createSecureServer({ cert: readFileSync(options["tls-cert"]), key: readFileSync(options["tls-key"]) })
    : createServer();
  const recovery = Number(options["recovery-ms"]);
  const counts = { received: 0, published: 0, heard: 0 };
  const io =
    options["socket-io"] === "2"
      ? (await import("socket.io-2")).default(http)
      : new Server(http, {
          cors: { origin: "*" },
          ...(options.cookie !== "" && { cookie: options.cookie }),
          adapter: await adapterFor(options.adapter, process.env.SIOTOOL_LAB_BACKEND, counts),
          ...(recovery > 0 && { connectionStateRecovery: { maxDisconnectionDuration: recovery } }),
        });
  const store = await openStore(options.store, process.env.SIOTOOL_LAB_STORE);
  if (options["served-by"] !== "") {
    const name = process.env[WORKER_NAME] ?? options.name;
    io.engine.on("initial_headers", (headers) => (headers[options["served-by"]] = name));
  }
  for (const name of ["/", "/chat"]) {
    io.of(name).on("connection", (socket) => {
      socket.onAny?.(() => (counts.received += 1)); // Socket.IO 2 has none
      if (options.sent !== "") witness(socket);
      speak(io.of(name), socket);
      if (store !== null) converse(io.of(name), socket, store, options.replay);
    });
  }
  if (Number(options["tick-rate"]) > 0) tick(io, 0, performance.now());
  const metricsPort = await listen(serveMetrics(io, counts, store), Number(process.env[METRICS_PORT] ?? options["metrics-port"]));
  if (cluster.isWorker) {
    await clusterWorker(io);
    process.send({ ready: { pid: process.pid, metrics_port: metricsPort } });
    return;
  }
  const port = await listen(http, Number(options.port));
  endWithInput({ drain: (ms) => drain(io, ms) });
  console.log(JSON.stringify({ port, pid: process.pid, metrics_port: metricsPort, workers: [] }));
}

// what is sent to each client, as this server knows it: written at once, so that a killed one has told all
const sent = options.sent === "" ? 0 : openSync(options.sent, "a");
function witness(socket) {
  socket.onAnyOutgoing((event, ...args) => {
    const text = args.findLast((one) => typeof one === "string") ?? "";
    writeSync(sent, `${Date.now()} ${socket.id} ${event.replaceAll(" ", "_")} ${text}\n`);
  });
}

function speak(namespace, socket) {
  const acknowledged = (args) => (typeof args.at(-1) === "function" ? args.pop() : () => {});
  socket.on("chat message", (...args) => {
    const acknowledge = acknowledged(args);
    namespace.emit("chat message", ...args);
    acknowledge();
  });
  socket.on("echo", (...args) => acknowledged(args)(...args));
  socket.on("join", async (room, acknowledge) => {
    if (typeof room === "string") await socket.join(room);
    acknowledge?.();
  });
  socket.on("leave", async (room, acknowledge) => {
    // a client's own id is a room as well, and stays its own
    if (typeof room === "string" && room !== socket.id) await socket.leave(room);
    acknowledge?.();
  });
  for (const event of ["say", "direct"]) {
    socket.on(event, (room, ...args) => {
      const acknowledge = acknowledged(args);
      if (typeof room === "string") namespace.to(room).emit(event, ...args);
      acknowledge();
    });
  }
  socket.on("ask me", (...args) => {
    const acknowledge = acknowledged(args);
    if (socket.timeout === undefined) return socket.emit("whoami", ...args, (...answer) => acknowledge(...answer)); // Socket.IO 2
    socket.timeout(60_000).emit("whoami", ...args, (error, ...answer) => acknowledge(...(error ? [null] : answer)));
  });
  socket.on("kick", () => socket.disconnect());
}

// times keep to a grid; a server that falls behind leaves grid points out
function tick(io, seq, due) {
  const period = 1000 / Number(options["tick-rate"]);
  const next = due + period * Math.max(1, Math.ceil((performance.now() - due) / period));
  setTimeout(() => {
    io.local.emit("tick", { seq, sent_at: Date.now() / 1000 });
    tick(io, seq + 1, next);
  }, next - performance.now());
}
