// The official client: connects, waits for the upgrade if one is to come, uses the vocabulary, leaves.
//
//   node talk.mjs 2|3|4 URL '{"path": "/socket.io", "ca": "ca.pem", …}'
//
// OPTIONS are socket.io-client's; `ca`, `cert` and `key` are paths, `msgpack` chooses the parser.
// Prints one line: {"connected", "transport", "echo", "bytes", "heard", "answered"}, or {"error", "data"}.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const [version, url, text = "{}"] = process.argv.slice(2);
const { msgpack, ...options } = JSON.parse(text);
for (const name of ["ca", "cert", "key"]) {
  if (options[name]) options[name] = readFileSync(options[name]);
}
if (msgpack) {
  options.parser = require(version === "2" ? "socket.io-msgpack-parser-2" : "socket.io-msgpack-parser");
}
const found = require(`socket.io-client-${version}`);
const io = version === "2" ? found : found.io;
const socket = io(url, { reconnection: false, timeout: 5000, ...options });

const finish = (line) => {
  console.log(JSON.stringify(line));
  socket.disconnect();
  process.exit(0);
};
const wrong = (error) =>
  finish({ error: error.message ?? String(error), data: error.data, description: error.description?.message });
socket.on("connect_error", wrong);
// Socket.IO 2: refused by a middleware, with its data or else its message
socket.on("error", (said) => finish(typeof said === "string" ? { error: said } : { error: "", data: said }));
const call = (event, ...args) => new Promise((answer) => socket.emit(event, ...args, (...got) => answer(got)));
const hear = (event) => new Promise((heard) => socket.once(event, (...args) => heard(args)));
const bytes = { in: [Buffer.from([7, 255]), "text"] };

// an upgrade may fail before the namespace is there
const upgraded = new Promise((done) => {
  socket.io.once("open", () => {
    const { engine } = socket.io;
    engine.once("upgrade", done).once("upgradeError", done);
    const offered = engine.upgrades ?? engine._upgrades;
    if (engine.transport.name !== "polling" || offered.length === 0) done();
  });
});

socket.on("connect", async () => {
  const engine = socket.io.engine;
  await upgraded;
  socket.on("whoami", (question, answer) => answer(`I am ${question}`));
  const chat = hear("chat message");
  socket.emit("chat message", { text: "hi" });
  const heard = await chat;
  await call("join", "kitchen");
  const said = hear("say");
  socket.emit("say", "kitchen", "psst");
  heard.push(...(await said));
  const sent = hear("direct");
  socket.emit("direct", socket.id, "you");
  heard.push(...(await sent));
  finish({
    connected: true,
    transport: engine.transport.name,
    echo: await call("echo", 1, { two: [2] }),
    bytes: Buffer.from((await call("echo", bytes))[0].in[0]).toString("hex"),
    heard,
    answered: (await call("ask me", "it"))[0],
  });
});
