// Socket.IO 2.5, 3.1 or 4.8 as they are: node socketio.mjs 4 '{"transports": ["polling"]}'. See README.md.

import { createRequire } from "node:module";
import { createServer, readOptions, serve, watch } from "./lib/process.mjs";
import { commands, onlyFrom, speak } from "./lib/vocabulary.mjs";

const require = createRequire(import.meta.url);
const [version, text] = process.argv.slice(2);
const [own, options] = readOptions(text);

const found = require(`socket.io-${version}`);
const Server = version === "2" ? found : found.Server;
if (own.msgpack) {
  options.parser = require(version === "2" ? "socket.io-msgpack-parser-2" : "socket.io-msgpack-parser");
}
if (own.origin) options.allowRequest = onlyFrom(own.origin);

const server = createServer(own.tls);
const io = new Server(server, options);
speak(io, own);
// Socket.IO puts itself in front of the listeners that are there when it is made
if (!own.quiet) watch(server);
serve(server, own.port, commands(io));
