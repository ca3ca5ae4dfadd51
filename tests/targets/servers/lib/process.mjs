// A server's life and its lines: see README.md.

import { createServer as createPlain } from "node:http";
import { createServer as createSecure } from "node:https";
import { readFileSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";

const OWN = ["port", "tls", "msgpack", "origin", "login", "allow", "quiet"];

/** The options of the command line: [ours, the server's own]. */
export function readOptions(text = "{}") {
  const all = JSON.parse(text);
  const own = Object.fromEntries(OWN.map((name) => [name, all[name]]));
  const rest = Object.fromEntries(Object.entries(all).filter(([name]) => !OWN.includes(name)));
  return [own, rest];
}

/** Print a line. It is written at once, so that a killed server leaves what it saw. */
export function print(kind, fields) {
  writeAll(Buffer.from(JSON.stringify({ kind, ...fields }, spelled) + "\n"));
}

function writeAll(bytes) {
  let done = 0;
  while (done < bytes.length) {
    try {
      done += writeSync(1, bytes, done);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error; // the reader is slow: try again
    }
  }
}

// Buffer.toJSON() was called by now: {type: "Buffer", data: […]}
function spelled(_key, value) {
  if (value?.type === "Buffer" && Array.isArray(value.data)) {
    return { base64: Buffer.from(value.data).toString("base64") };
  }
  return value;
}

/** Node's options for the option `tls`. */
export function secure({ key, cert, ca, requestCert }) {
  const file = (path) => (path === undefined ? undefined : readFileSync(path));
  return { key: file(key), cert: file(cert), ca: file(ca), requestCert: !!requestCert };
}

/** An HTTP or HTTPS server, which has nothing at paths other than Socket.IO's. */
export function createServer(tls) {
  const nothing = (_request, response) => response.writeHead(404).end();
  return tls ? createSecure(secure(tls), nothing) : createPlain(nothing);
}

/** Print a line for each HTTP request; call it when the other listeners are in place. */
export function watch(server) {
  const line = (upgrade) => (request) => {
    const url = new URL(request.url, "http://127.0.0.1");
    print("http", {
      method: request.method,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: request.headers,
      upgrade,
    });
  };
  server.prependListener("request", line(false));
  server.prependListener("upgrade", line(true));
}

/** Listen, say so, obey commands, and end with standard input. */
export function serve(server, port, commands) {
  const connections = new Set();
  server.on("connection", (connection) => {
    connections.add(connection);
    connection.on("close", () => connections.delete(connection));
  });
  server.listen({ host: "127.0.0.1", port: port ?? 0, backlog: 4096 }, () => {
    print("ready", { port: server.address().port, pid: process.pid });
  });
  obey({
    ...commands,
    drop({ reset, share = 1 }) {
      const found = [...connections].slice(0, Math.ceil(connections.size * share));
      for (const connection of found) reset ? connection.resetAndDestroy() : connection.destroy();
      return { dropped: found.length };
    },
    stall({ ms }) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
      return {};
    },
  });
}

/** Carry out the commands on standard input, and end with it. */
export function obey(commands) {
  const input = createInterface({ input: process.stdin });
  input.on("line", async (line) => {
    const { number, do: name, ...fields } = JSON.parse(line);
    try {
      if (!Object.hasOwn(commands, name)) throw new Error(`no such command: ${name}`);
      print("done", { number, ...(await commands[name](fields)) });
    } catch (error) {
      print("done", { number, error: String(error) });
    }
  });
  input.on("close", () => process.exit(0));
}
