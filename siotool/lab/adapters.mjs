// What joins the servers of a lab: each adapter, connected to its backend before the server listens.

import cluster from "node:cluster";
import { countNotifications, countWorkerMessages, counting } from "./adapter_counts.mjs";

/** The adapter of a server, which counts; undefined for Socket.IO's own, which keeps to one process. */
export async function adapterFor(name, url, counts) {
  return name === "none" ? undefined : counting(name, await named(name, url, counts), counts);
}

async function named(name, url, counts) {
  switch (name) {
    case "cluster": {
      const { createAdapter } = await import("@socket.io/cluster-adapter");
      countWorkerMessages(counts);
      return createAdapter();
    }
    case "redis": {
      const { createAdapter } = await import("@socket.io/redis-adapter");
      return createAdapter(...(await redisClients(url, 2)));
    }
    case "redis-sharded": {
      const { createShardedAdapter } = await import("@socket.io/redis-adapter");
      return createShardedAdapter(...(await redisClients(url, 2)));
    }
    case "redis-streams": {
      const { createAdapter } = await import("@socket.io/redis-streams-adapter");
      return createAdapter(...(await redisClients(url, 1)));
    }
    case "postgres":
      return postgres(url, counts);
    case "mongo":
      return mongo(url);
    default:
      throw new Error(`--adapter ${name} is not known`);
  }
}

async function redisClients(url, count) {
  const { createClient } = await import("redis");
  const clients = Array.from({ length: count }, () => createClient({ url }));
  for (const client of clients) {
    client.on("error", (error) => console.error(`redis: ${error.message}`));
    await client.connect();
  }
  return clients;
}

async function postgres(url, counts) {
  const { default: pg } = await import("pg");
  const { createAdapter } = await import("@socket.io/postgres-adapter");
  const pool = new pg.Pool({ connectionString: url });
  const say = (error) => console.error(`postgres: ${error.message}`);
  pool.on("error", say);
  // the adapter listens on a client that is taken from the pool, and has no listener for its errors: without
  // this one a server ends when PostgreSQL does (@socket.io/postgres-adapter 0.5.0)
  pool.on("connect", (client) => client.on("error", say));
  countNotifications(pool, counts);
  const client = await pool.connect();
  try {
    // servers that start together would make the table twice
    await client.query("SELECT pg_advisory_lock(1)");
    await client.query(
      "CREATE TABLE IF NOT EXISTS socket_io_attachments" +
        " (id bigserial UNIQUE, created_at timestamptz DEFAULT NOW(), payload bytea)",
    );
    await client.query("SELECT pg_advisory_unlock(1)");
  } finally {
    client.release();
  }
  return createAdapter(pool, { errorHandler: say });
}

async function mongo(url) {
  const { MongoClient } = await import("mongodb");
  const { createAdapter } = await import("@socket.io/mongo-adapter");
  const client = new MongoClient(url, { directConnection: true });
  await client.connect();
  // change streams need a replica set; one server is enough, and another may have made it already
  const members = [{ _id: 0, host: new URL(url).host }];
  await client.db("admin").command({ replSetInitiate: { _id: "lab", members } }).catch((error) => {
    if (error.codeName !== "AlreadyInitialized") throw error;
  });
  while (!(await client.db("admin").command({ hello: 1 })).isWritablePrimary) {
    await new Promise((done) => setTimeout(done, 50));
  }
  const database = client.db("siotool");
  await database.createCollection("events", { capped: true, size: 64e6 }).catch((error) => {
    if (error.codeName !== "NamespaceExists") throw error;
  });
  return createAdapter(database.collection("events"));
}

/** Fork the workers of a primary, which hands them the connections of http; resolves when all are ready. */
export async function forkWorkers(http, count, metricsPorts) {
  const { setupPrimary } = await import("@socket.io/cluster-adapter");
  const { setupMaster } = await import("@socket.io/sticky");
  cluster.setupPrimary({ serialization: "advanced" }); // attachments are bytes
  setupMaster(http, { loadBalancingMethod: "least-connection" });
  http.on("connection", readNoMore);
  setupPrimary();
  return Promise.all(Array.from({ length: count }, (_, n) => forkOne(n + 1, metricsPorts[n] ?? 0)));
}

// A socket on its way to a worker is still read here until the worker has it, and what is read is lost:
// the first packet of a client that is quicker than that (@socket.io/sticky 2.0.1). So reading ends with
// the head of its request, unless a body follows, which @socket.io/sticky reads itself.
function readNoMore(socket) {
  socket.prependOnceListener("data", (chunk) => {
    const head = chunk.toString("latin1").toLowerCase();
    if (!head.includes("content-length:") && !head.includes("transfer-encoding:")) socket._handle?.readStop();
  });
}

/** Where a worker is told the port of its metrics: one that takes the place of another has that of the other. */
export const METRICS_PORT = "SIOTOOL_LAB_METRICS_PORT";
/** Where it is told its name. */
export const WORKER_NAME = "SIOTOOL_LAB_NAME";

/** Fork the n-th worker, from 1 on; resolves when it is ready. Port 0 is any free one. */
export function forkOne(n, metricsPort) {
  const worker = cluster.fork({ [METRICS_PORT]: metricsPort, [WORKER_NAME]: `server-${n}` });
  return new Promise((done, failed) => {
    worker.on("message", (message) => message?.ready && done(message.ready));
    worker.once("exit", (code) => failed(new Error(`a worker ended with code ${code}`)));
  });
}

/** Take the connections that the primary hands to this worker. */
export async function clusterWorker(io) {
  const { setupWorker } = await import("@socket.io/sticky");
  setupWorker(io);
}
