// What a Socket.IO server on Node spends on bytes, on polling and on TLS: CPU of the server alone.
//
//   node server_costs.mjs [--clients 40] [--seconds 4] [--sizes 200,2000,20000,100000,1000000]
//
// Broadcasts of each size go to all clients, over WebSocket, over WebSocket with TLS in the
// process, and over long polling; then clients connect one after the other, with and without TLS.
// Prints one JSON object; CPU is process.cpuUsage() of the server, user and system, in seconds.

import { fork, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as plainServer } from "node:http";
import { createServer as tlsServer } from "node:https";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const require = createRequire(new URL("../targets/node/package.json", import.meta.url));
const here = fileURLToPath(import.meta.url);
const text = (value) => ({ type: "string", default: value });
const { values: options } = parseArgs({
  options: {
    clients: text("40"),
    seconds: text("4"),
    sizes: text("200,2000,20000,100000,1000000"),
    connects: text("400"),
    role: text("server"),
  },
});

if (options.role === "clients") clients();
else await main();

async function main() {
  const found = { version: 1, deliveries: [], connects: [] };
  for (const [transport, tls] of [["websocket", false], ["websocket", true], ["polling", false]]) {
    const service = await serve(tls);
    const others = await started(service, transport);
    for (const size of options.sizes.split(",").map(Number)) {
      const most = transport === "polling" ? 1 : 10; // a poll brings all that waits
      const measured = await broadcasts(service, others, size, most);
      found.deliveries.push({ transport, tls, size_bytes: size, ...measured });
    }
    if (transport === "websocket") found.connects.push({ tls, ...(await connects(service, others)) });
    others.kill();
    service.io.close();
    service.http.closeAllConnections();
  }
  console.log(JSON.stringify(found, null, 2));
  process.exit(0);
}

function serve(tls) {
  const { Server } = require("socket.io");
  const http = tls ? tlsServer(certificate()) : plainServer();
  const io = new Server(http, { maxHttpBufferSize: 1e8 });
  return new Promise((done) =>
    http.listen(0, "127.0.0.1", () => {
      done({ io, http, url: `${tls ? "https" : "http"}://127.0.0.1:${http.address().port}` });
    }),
  );
}

function certificate() {
  const folder = mkdtempSync(join(tmpdir(), "siotool-bench-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const ask = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"];
  execFileSync("openssl", [...ask, "-subj", "/CN=localhost", "-keyout", key, "-out", cert], { stdio: "ignore" });
  const read = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true });
  return read;
}

async function started(service, transport) {
  const others = fork(here, ["--role", "clients"]);
  others.send({ do: "open", url: service.url, transport, count: Number(options.clients) });
  await answer(others, "open");
  return others;
}

// CPU of a window is of its broadcasts: all of them were received before it is read.
async function broadcasts(service, others, size, most) {
  const payload = "x".repeat(size);
  const perTick = Math.max(1, Math.round(2e6 / (size * Number(options.clients)))); // some 2 MB a tick at most
  await window(service, others, payload, 1, 0.5); // compilers and buffers warm up
  return window(service, others, payload, Math.min(perTick, most), Number(options.seconds));
}

async function window(service, others, payload, perTick, seconds) {
  const before = process.cpuUsage();
  const until = performance.now() + seconds * 1000;
  let sent = 0;
  while (performance.now() < until) {
    for (let one = 0; one < perTick; one += 1) service.io.emit("message", payload);
    sent += perTick;
    others.send({ do: "expect", count: perTick * service.io.engine.clientsCount });
    await answer(others, "received");
  }
  const used = process.cpuUsage(before);
  const deliveries = sent * service.io.engine.clientsCount;
  return { deliveries, cpu_s_per_delivery: (used.user + used.system) / 1e6 / deliveries };
}

async function connects(service, others) {
  const count = Number(options.connects);
  others.send({ do: "connect", url: service.url, count: 50 });
  await answer(others, "connected");
  const before = process.cpuUsage();
  others.send({ do: "connect", url: service.url, count });
  await answer(others, "connected");
  const used = process.cpuUsage(before);
  return { count, cpu_s_per_connect: (used.user + used.system) / 1e6 / count };
}

function answer(child, name) {
  return new Promise((done) => {
    const hear = (message) => {
      if (message !== name) return;
      child.off("message", hear);
      done();
    };
    child.on("message", hear);
  });
}

function clients() {
  const { io } = require("socket.io-client");
  let received = 0;
  let wanted = 0;
  const told = () => {
    if (wanted > 0 && received >= wanted) {
      received -= wanted;
      wanted = 0;
      process.send("received");
    }
  };
  const open = (url, transport) =>
    new Promise((done) => {
      const socket = io(url, { transports: [transport], forceNew: true, rejectUnauthorized: false });
      socket.on("message", () => {
        received += 1;
        told();
      });
      socket.on("connect", () => done(socket));
    });
  process.on("message", async (asked) => {
    if (asked.do === "open") {
      await Promise.all(Array.from({ length: asked.count }, () => open(asked.url, asked.transport)));
      process.send("open");
    } else if (asked.do === "expect") {
      wanted = asked.count;
      told();
    } else {
      for (let number = 0; number < asked.count; number += 1) (await open(asked.url, "websocket")).close();
      process.send("connected");
    }
  });
}
