// What a server of a lab says of itself, as Prometheus reads it: connections, events, what passed between it
// and its adapter, its event loop.

import { createServer } from "node:http";
import { monitorEventLoopDelay, performance } from "node:perf_hooks";

const RESOLUTION_MS = 10;

const print = (response, samples) => {
  response.writeHead(200, { "content-type": "text/plain; version=0.0.4" });
  response.end(samples.map(([name, type, value]) => `# TYPE ${name} ${type}\n${name} ${value}\n`).join(""));
};

/** At /store what the store says of itself, everywhere else what is to be said of this server. */
export function serveMetrics(io, counts, store) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  let before = performance.eventLoopUtilization();
  return createServer(async (request, response) => {
    if (store !== null && request.url === "/store") {
      const held = await store.figures().catch((error) => console.error(`store: ${error.message}`));
      if (held === undefined) return response.writeHead(503).end();
      return print(response, [
        ["siotool_store_messages", "gauge", held.messages],
        ["siotool_store_dead_messages", "gauge", held.dead],
        ["siotool_store_bytes", "gauge", held.bytes],
      ]);
    }
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    // what the histogram has is the time between two looks
    const lag = Math.max(0, delay.percentile(99) / 1e9 - RESOLUTION_MS / 1000);
    delay.reset();
    print(response, [
      ["socket_io_connected", "gauge", io.engine.clientsCount],
      ["socket_io_events_received_total", "counter", counts.received],
      ["socket_io_adapter_published_total", "counter", counts.published],
      ["socket_io_adapter_received_total", "counter", counts.heard],
      ["nodejs_eventloop_utilization", "gauge", utilization],
      ["nodejs_eventloop_lag_p99_seconds", "gauge", lag],
    ]);
  });
}
