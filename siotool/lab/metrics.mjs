// What a server of a lab says of itself, as Prometheus reads it: connections, events, its event loop.
//
// Without prom-client's default metrics: they take 15 MB and a millisecond of each scrape, and their
// event-loop lag holds the time between two looks. CPU and memory are sampled from outside.

import { createServer } from "node:http";
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import client from "prom-client";

const RESOLUTION_MS = 10;

export function serveMetrics(io, counts) {
  const register = new client.Registry();
  const shown = (Kind, name, help, collect) => new Kind({ name, help, collect, registers: [register] });
  shown(client.Gauge, "socket_io_connected", "Connected clients.", function () {
    this.set(io.engine.clientsCount);
  });
  shown(client.Counter, "socket_io_events_received_total", "Events of clients.", function () {
    // counted outside: an increment of prom-client's costs more than an event's own counting
    this.reset();
    this.inc(counts.received);
  });
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
  return createServer(async (_request, response) => {
    const text = await register.metrics();
    response.writeHead(200, { "content-type": register.contentType });
    response.end(text);
  });
}
