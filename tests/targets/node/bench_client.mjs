// socket.io-client under the bench (tests/bench): connects users, listens or calls, counts.
//
//   node --expose-gc bench_client.mjs '{"url": …, "users": 500, "spawn_rate": 100, "scenario": "listen",
//                                       "transport": "websocket", "rate": 0, "result": "counts.json"}'
//
// Stays until SIGTERM, then writes {"received": …, "acked": …} to the result file.

import { writeFileSync } from "node:fs";
import { io } from "socket.io-client";

const { url, users, spawn_rate, scenario, transport, rate, result } = JSON.parse(process.argv[2]);
const transports = transport === "upgrade" ? ["polling", "websocket"] : [transport];
const text = "x".repeat(64);
const counts = { received: 0, acked: 0 };
let connected = 0;

for (let user = 0; user < users; user += 1) setTimeout(start, (1000 * user) / spawn_rate);

function start() {
  const socket = io(url, { transports, forceNew: true, reconnection: false });
  socket.on("connect_error", (error) => {
    console.error(`cannot connect: ${error.message}`);
    process.exit(1);
  });
  socket.on("connect", () => {
    connected += 1;
    // an idle connection's memory is asked for, not the garbage of its handshake
    if (scenario === "idle" && connected === users) setTimeout(globalThis.gc, 500);
  });
  if (scenario === "listen") {
    socket.on("message", () => {
      counts.received += 1;
    });
  }
  if (scenario === "echo") {
    socket.on("connect", () => {
      setInterval(() => {
        socket.emit("echo", text, () => {
          counts.acked += 1;
        });
      }, 1000 / rate);
    });
  }
}

process.on("SIGTERM", () => {
  writeFileSync(result, JSON.stringify(counts));
  process.exit(0);
});
