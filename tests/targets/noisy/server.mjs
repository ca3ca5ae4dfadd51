// A Socket.IO server whose capacity is known by construction, and whose noise can be set.
//
//   node server.mjs PORT CAPACITY NOISE SEED
//
// Calls of `echo` go through one queue. It serves CAPACITY calls a second on average; in each second it is
// faster or slower by a normal factor of standard deviation NOISE. Serving is a timer and no work: the process
// uses little CPU, so that several of these run side by side. Exactly the same queue, in simulated time and under
// evenly spread calls, is tests/bench/capacity.py.
import { createServer } from "node:http";
import { createRequire } from "node:module";

const require = createRequire(new URL("../node/package.json", import.meta.url));
const { Server } = require("socket.io");
const [port, capacity, noise, seed] = process.argv.slice(2).map(Number);

// mulberry32: the same numbers for the same seed
let state = seed >>> 0;
function uniform() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());

const now = () => performance.now() / 1000;
let second = -1;
let pace = capacity;
let free = 0; // when the queue has served all it has

function serve(answer) {
  const at = now();
  if (Math.floor(at) !== second) {
    second = Math.floor(at);
    pace = capacity * Math.max(0.2, 1 + noise * normal());
  }
  free = Math.max(at, free) + 1 / pace;
  setTimeout(answer, 1000 * (free - at));
}

const http = createServer();
const io = new Server(http, { perMessageDeflate: false });
io.on("connection", (socket) => {
  socket.on("echo", (text, answer) => serve(() => answer(text)));
});
http.listen(port, "127.0.0.1", () => console.log(`listening on ${http.address().port}`));
process.stdin.on("end", () => process.exit(0)).resume();
