// A Socket.IO server that answers calls, and does some work more for each: a cost that is known.
//
//   node planted_cost.mjs [--work 0]
//
// --work N turns a counter N times for each call. prints {"port": …, "pid": …} on one line once it
// accepts connections, and ends when its standard input closes.

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";

const require = createRequire(new URL("../targets/node/package.json", import.meta.url));
const { Server } = require("socket.io");
const { values } = parseArgs({ options: { work: { type: "string", default: "0" } } });
const work = Number(values.work);
let state = 1;

const http = createServer();
const io = new Server(http);
io.on("connection", (socket) => {
  socket.on("echo", (text, acknowledge) => {
    for (let turn = 0; turn < work; turn += 1) state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    acknowledge(state === 0 ? "" : text);
  });
});
http.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => {
  console.log(JSON.stringify({ port: http.address().port, pid: process.pid }));
});
process.stdin.on("end", () => process.exit(0)).resume();
