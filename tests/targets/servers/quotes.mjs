// Socket.IO 4.8 that quotes back what clients show: in refusals, in events and their names, in cookies.
//
//   node quotes.mjs '{}': a client whose auth payload has `refuse` is refused.

import { createRequire } from "node:module";
import { createServer, readOptions, serve } from "./lib/process.mjs";

const require = createRequire(import.meta.url);
const [own, options] = readOptions(process.argv[2]);
const { Server } = require("socket.io-4");
const server = createServer(own.tls);
const io = new Server(server, options);

io.engine.on("initial_headers", (headers, request) => {
  const token = new URL(request.url, "http://x").searchParams.get("token");
  headers["set-cookie"] = `session=${token}-cookie`;
});
const shown = ({ handshake, request }) => ({
  auth: handshake.auth,
  query: handshake.query,
  headers: request.headers,
});
io.use((socket, next) => {
  if (!socket.handshake.auth.refuse) return next();
  const { auth, query, headers } = shown(socket);
  const error = new Error(`room is full for ${auth.token}, ${query.token} and ${headers.cookie}`);
  error.data = { code: "FULL", ...shown(socket) };
  next(error);
});
io.on("connection", (socket) => {
  const { auth, query, headers } = shown(socket);
  socket.on("echo", (...args) => args.pop()(shown(socket)));
  socket.emit(`hello ${auth.token}`, auth.token);
  socket.emit("hello", [auth, query, headers]);
  io.emit("news", `${auth.token} and ${headers.authorization} have come`);
});
serve(server, own.port, () => ({}));
