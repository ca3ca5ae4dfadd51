// Conversations whose messages are kept: who was away gets what was written meanwhile, once.
//
// A client names its conversations when it connects, in auth.serverOffset: {CONVERSATION: OFFSET}, where
// OFFSET is the last that it has, or null where it wants only what is new. [OFFSET, …] are the last of which
// it has all before, and what it has after that. It is joined to them, gets what is kept after its offset,
// and then "caught up" CONVERSATION OFFSET.
//
// post CONVERSATION TEXT is acknowledged with the message's offset once it is kept, and delivered to all
// that are in the conversation, its sender too, as post TEXT OFFSET CONVERSATION.

const MOST = 500; // messages that are read at once
const LATE_MS = 10_000; // a live message may come so much later than it could be read

/** What a client of a namespace may do with a store. */
export function converse(namespace, socket, store, replays) {
  socket.on("post", async (room, text, acknowledge) => {
    if (typeof room !== "string" || typeof text !== "string") return acknowledge?.({ error: "post ROOM TEXT" });
    try {
      const offset = await store.add(room, text);
      namespace.to(room).except(has(room, offset)).emit("post", text, offset, room);
      acknowledge?.(offset);
    } catch (error) {
      console.error(`post: ${error.message}`); // not acknowledged
    }
  });
  const wanted = socket.handshake.auth?.serverOffset;
  for (const [room, offset] of Object.entries(typeof wanted === "object" && wanted ? wanted : {})) {
    takeUp(socket, store, room, offset, replays).catch((error) => {
      console.error(`replay: ${error.message}`);
      socket.disconnect(true); // it comes back, and asks again
    });
  }
}

// The room of those that got a message when it was read, and are not to get it once more when it comes live.
const has = (room, offset) => `${room}\n${offset}`;

async function takeUp(socket, store, room, wanted, replays) {
  let [offset, ...known] = Array.isArray(wanted) ? wanted : [wanted];
  if (typeof offset === "number" && replays !== "nothing") {
    if (replays === "everything") [offset, known] = [0, []];
    const seen = new Set(known);
    // most of it before the room is joined: what is new comes after what is old
    for (let rows; (rows = await store.after(room, offset, MOST)).length > 0; ) {
      offset = replay(socket, room, rows, seen);
      if (rows.length < MOST) break;
      await written(socket);
    }
    // what is written from here on comes live, or is read below; what came live is not sent again
    const live = (event, _text, at, of) => event === "post" && of === room && seen.add(at);
    socket.onAnyOutgoing(live);
    await socket.join(room);
    for (let rows; (rows = await store.after(room, offset, MOST)).length > 0; ) {
      offset = replay(socket, room, rows, seen);
      await written(socket);
    }
    socket.offAnyOutgoing(live);
  } else {
    await socket.join(room);
    offset = await store.last(room);
  }
  if (socket.connected) socket.emit("caught up", room, offset);
}

// What a connection cannot take yet waits in the server's memory: the next messages are read once it is gone.
async function written({ conn }) {
  while (conn.writeBuffer.length > 0 && conn.readyState === "open") {
    await new Promise((resolve) => {
      const done = () => {
        conn.off("drain", done);
        conn.off("close", done);
        resolve();
      };
      conn.on("drain", done);
      conn.on("close", done);
    });
  }
}

function replay(socket, room, rows, seen) {
  for (const { offset, text, age_ms } of rows) {
    if (!socket.connected || seen.has(offset)) continue;
    if (age_ms < LATE_MS) {
      const marker = has(room, offset);
      socket.join(marker);
      setTimeout(() => socket.leave(marker), LATE_MS).unref();
    }
    socket.emit("post", text, offset, room);
  }
  return rows.at(-1).offset;
}
