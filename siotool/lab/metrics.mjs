// What a server of a lab says of itself, as Prometheus reads it: connections, events, what passed between it
// and its adapter, its event loop; and at /store what its store says.
//
// Without prom-client's default metrics: their event-loop lag holds the time between two looks, and CPU and
// memory are sampled from outside.

import { createServer } from "node:http";
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import client from "prom-client";

const RESOLUTION_MS = 10;

export function serveMetrics(io, counts, store) {
  const register = new client.Registry();
  const shown = (Kind, name, help, collect) => new Kind({ name, help, collect, registers: [register] });
  shown(client.Gauge, "socket_io_connected", "Connected clients.", function () {
    this.set(io.engine.clientsCount);
  });
  // counted outside: an increment of prom-client's costs more than what is counted
  const counted = (name, help, counter) =>
    shown(client.Counter, name, help, function () {
      this.reset();
      this.inc(counts[counter]);
    });
  counted("socket_io_events_received_total", "Events of clients.", "received");
  counted("socket_io_adapter_published_total", "Messages given to the adapter.", "published");
  counted("socket_io_adapter_received_total", "Messages received from the adapter.", "heard");
  let before = performance.eventLoopUtilization();
  shown(client.Gauge, "nodejs_eventloop_utilization", "Share of time since the last scrape.", function () {
    const now = performance.eventLoopUtilization();
    this.set(performance.eventLoopUtilization(now, before).utilization);
    before = now;
  });
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  shown(client.Gauge, "nodejs_eventloop_lag_p99_seconds", "Since the last scrape.", function () {
    // what the histogram has is the time between two looks
    this.set(Math.max(0, delay.percentile(99) / 1e9 - RESOLUTION_MS / 1000));
    delay.reset();
  });
  const ofStore = store === null ? null : storeRegister(store);
  return createServer(async (request, response) => {
    const page = ofStore !== null && request.url === "/store" ? ofStore : register;
    const text = await page.metrics().catch((error) => console.error(`metrics: ${error.message}`));
    if (text === undefined) return response.writeHead(503).end();
    response.writeHead(200, { "content-type": page.contentType });
    response.end(text);
  });
}

/** What a store says of itself, asked once for each look: all gauges of a look are collected at once. */
function storeRegister(store) {
  const register = new client.Registry();
  let asked;
  const figures = () => (asked ??= store.figures().finally(() => (asked = undefined)));
  const gauge = (name, help, figure) =>
    new client.Gauge({
      name,
      help,
      registers: [register],
      async collect() {
        this.set((await figures())[figure]);
      },
    });
  gauge("siotool_store_messages", "Messages that are kept.", "messages");
  gauge("siotool_store_dead_messages", "Deleted messages that take room.", "dead");
  gauge("siotool_store_bytes", "Bytes on disk, with indexes.", "bytes");
  return register;
}
