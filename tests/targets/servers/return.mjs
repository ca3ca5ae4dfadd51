// Official clients that lose their server and come back:
//
//   node return.mjs URL CLIENTS
//
// Prints {"connected"} once all are, and {"p50_s", "all_s", "attempts"} once all are back.

import { createRequire } from "node:module";

const { io } = createRequire(import.meta.url)("socket.io-client-4");
const [url, text] = process.argv.slice(2);
const clients = Number(text);
const away = [];
let connected = 0;
let attempts = 0;

for (let number = 0; number < clients; number++) {
  const socket = io(url, { forceNew: true });
  let lost;
  socket.io.on("reconnect_attempt", () => attempts++);
  socket.on("disconnect", () => (lost = performance.now()));
  socket.on("connect", () => {
    if (lost === undefined) {
      if (++connected === clients) console.log(JSON.stringify({ connected }));
      return;
    }
    away.push((performance.now() - lost) / 1000);
    if (away.length < clients) return;
    away.sort((a, b) => a - b);
    console.log(JSON.stringify({ p50_s: away[clients >> 1], all_s: away.at(-1), attempts }));
    process.exit(0);
  });
}
process.stdin.resume().on("end", () => process.exit(0));
