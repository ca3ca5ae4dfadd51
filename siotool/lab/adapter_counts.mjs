// Counts what passes between a server and its adapter, where the adapter hands it over: in `counts`, `published`
// are the broadcasts that it is given for others, `heard` the broadcasts that it receives, its own copies too.

const BROADCAST = 3; // MessageType of socket.io-adapter, and EventType of @socket.io/mongo-adapter

/** How the messages of each adapter arrive: the method that is called with each, and which are broadcasts. */
const ARRIVALS = {
  redis: ["onmessage", () => true], // requests come another way
  "redis-sharded": ["onRawMessage", (adapter, _message, channel) => String(channel) !== adapter.responseChannel],
  "redis-streams": ["onRawMessage", (_adapter, message) => Number(message.type) === BROADCAST],
  mongo: ["onEvent", (_adapter, event) => event.fullDocument?.type === BROADCAST],
};

/** Return what makes the same adapters, which count. */
export function counting(name, create, counts) {
  // Socket.IO calls it with new
  return function (namespace) {
    const adapter = create(namespace);
    const broadcast = adapter.broadcast;
    adapter.broadcast = function (packet, opts) {
      if (!opts.flags?.local) counts.published += 1;
      return broadcast.call(this, packet, opts);
    };
    const [method, counted] = ARRIVALS[name] ?? [];
    if (method) {
      const receive = adapter[method];
      adapter[method] = function (...message) {
        if (counted(adapter, ...message)) counts.heard += 1;
        return receive.apply(this, message);
      };
    }
    return adapter;
  };
}

/** Count the notifications of a pool's connections: the adapter drops its own copies before anyone sees them. */
export function countNotifications(pool, counts) {
  const broadcast = new RegExp(`^\\{(?:"uid":"[^"]*",)?"type":${BROADCAST}[,}]`);
  pool.on("connect", (client) => {
    client.on("notification", ({ payload }) => {
      if (broadcast.test(payload)) counts.heard += 1;
    });
  });
}

/** Count what the primary hands to this worker. */
export function countWorkerMessages(counts) {
  process.on("message", (message) => {
    if (message?.source === "_sio_adapter" && message.type === BROADCAST) counts.heard += 1;
  });
}
