// Feathers with its Socket.IO transport: the vocabulary, and a service `messages`. See README.md.

import { feathers } from "@feathersjs/feathers";
import socketio from "@feathersjs/socketio";
import { createServer, readOptions, serve, watch } from "./lib/process.mjs";
import { commands, onlyFrom, speak } from "./lib/vocabulary.mjs";

const [own, options] = readOptions(process.argv[2]);
if (own.origin) options.allowRequest = onlyFrom(own.origin);

const app = feathers();
app.configure(socketio(options, (io) => speak(io, own)));
let count = 0;
app.use("messages", {
  async create(message) {
    count += 1;
    return { id: count, ...message };
  },
});
app.on("connection", (connection) => app.channel("everybody").join(connection));
app.publish(() => app.channel("everybody"));

const server = createServer(own.tls);
await app.setup(server);
if (!own.quiet) watch(server);
serve(server, own.port, commands(app.io));
