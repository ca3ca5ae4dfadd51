// Socket.IO 4.8 that says what it uses: metrics by prom-client at /metrics, the admin UI on /admin.
// See README.md. Options: admin {username, password}, mode, and those of socketio.mjs.

import { performance } from "node:perf_hooks";
import { createRequire } from "node:module";
import { createServer } from "node:http";
import { readOptions, serve } from "./lib/process.mjs";
import { commands, speak } from "./lib/vocabulary.mjs";

const require = createRequire(import.meta.url);
const { Server } = require("socket.io-4");
const { instrument } = require("@socket.io/admin-ui");
const { Counter, Gauge, Registry, collectDefaultMetrics } = require("prom-client");
const bcrypt = require("bcryptjs");

const [own, { admin, mode = "production", ...options }] = readOptions(process.argv[2]);
let answers = true;

const register = new Registry();
collectDefaultMetrics({ register });
let before = performance.eventLoopUtilization();
new Gauge({
  name: "nodejs_eventloop_utilization",
  help: "Share of the time since the last scrape in which the event loop was busy.",
  registers: [register],
  collect() {
    const now = performance.eventLoopUtilization();
    this.set(performance.eventLoopUtilization(now, before).utilization);
    before = now;
  },
});
new Gauge({
  name: "socket_io_connected",
  help: "Connections that are open.",
  registers: [register],
  collect() {
    this.set(io.engine.clientsCount);
  },
});
const received = new Counter({
  name: "socket_io_events_received_total",
  help: "Events that came.",
  labelNames: ["event"],
  registers: [register],
});

const http = createServer(async (request, response) => {
  if (request.url.split("?")[0] !== "/metrics") return response.writeHead(404).end();
  if (!answers) return request.socket.destroy();
  const text = await register.metrics();
  response.writeHead(200, { "Content-Type": register.contentType }).end(text);
});
const io = new Server(http, options);
io.on("connection", (socket) => socket.onAny((event) => received.inc({ event })));
const auth = admin && {
  type: "basic",
  username: admin.username,
  password: bcrypt.hashSync(admin.password, 4),
};
instrument(io, { auth: auth ?? false, mode });
speak(io, own);
serve(http, own.port, {
  ...commands(io),
  // the metrics answer from now on, or do not; the server goes on
  metrics({ answer }) {
    answers = answer;
    return {};
  },
});
