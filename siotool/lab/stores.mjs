// Where a lab keeps the messages of its conversations: PostgreSQL, CouchDB's protocol, MongoDB.
//
// A store has three methods. add(room, text) writes a message and resolves with its offset. after(room,
// offset, most) resolves with [{offset, text, age_ms}], the oldest first. figures() is what it holds.
// Within a room a message with a smaller offset can be read no later than one with a larger offset: so
// whoever has read up to an offset, and asks for what is after it, misses nothing.

/** The store of a lab; null for none. What it needs is made, unless another server has made it. */
export async function openStore(name, url) {
  switch (name) {
    case "none":
      return null;
    case "postgres":
      return postgresStore(url);
    case "couchdb":
      return documentStore(await couchDatabase(url));
    case "mongo":
      return documentStore(await mongoCollection(url));
    default:
      throw new Error(`--store ${name} is not known`);
  }
}

// ── PostgreSQL ────────────────────────────────────────────────────────────────────────

const TABLES = `
  CREATE TABLE IF NOT EXISTS conversations (id bigserial PRIMARY KEY, name text NOT NULL UNIQUE);
  CREATE TABLE IF NOT EXISTS messages (
    id bigserial PRIMARY KEY,
    conversation bigint NOT NULL,
    created_at timestamp NOT NULL DEFAULT clock_timestamp(),
    payload text NOT NULL
  );
  CREATE INDEX IF NOT EXISTS messages_of_conversation ON messages (conversation, id);`;
const LOCKS = 7; // of 32 bits and 32 bits: the adapter's own lock is one of 64

// An id is drawn when a transaction writes, and seen when it commits, which may be in another order. So
// those of one conversation wait for each other: its lock is held from before the id until the commit.
const ADD = `
  WITH alone AS MATERIALIZED (SELECT pg_advisory_xact_lock(${LOCKS}, $1::int))
  INSERT INTO messages (conversation, payload) SELECT $1::int, $2 FROM alone RETURNING id`;
const AFTER = `
  SELECT id, payload, extract(epoch FROM clock_timestamp()::timestamp - created_at) * 1000 AS age_ms
  FROM messages WHERE conversation = $1 AND id > $2 ORDER BY id LIMIT $3`;
const LAST = "SELECT coalesce(max(id), 0) AS last FROM messages WHERE conversation = $1";
// no message is deleted, and none is rolled back: the last id is how many there are
const FIGURES = `
  SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS messages,
    coalesce(pg_stat_get_dead_tuples('messages'::regclass), 0) AS dead,
    pg_total_relation_size('messages') AS bytes
  FROM messages_id_seq`;

async function postgresStore(url) {
  const { default: pg } = await import("pg");
  const pool = new pg.Pool({ connectionString: url });
  pool.on("error", (error) => console.error(`store: ${error.message}`));
  const client = await pool.connect();
  try {
    // servers that start together would make the tables twice
    await client.query(`SELECT pg_advisory_lock(${LOCKS}, 0)`);
    await client.query(TABLES);
    await client.query(`SELECT pg_advisory_unlock(${LOCKS}, 0)`);
  } finally {
    client.release();
  }
  const known = new Map();
  const conversation = (room) => {
    if (!known.has(room)) {
      const made = pool
        .query("INSERT INTO conversations (name) VALUES ($1) ON CONFLICT DO NOTHING", [room])
        .then(() => pool.query("SELECT id FROM conversations WHERE name = $1", [room]))
        .then(({ rows }) => rows[0].id);
      made.catch(() => known.delete(room));
      known.set(room, made);
    }
    return known.get(room);
  };
  return {
    async add(room, text) {
      const values = [await conversation(room), text];
      const { rows } = await pool.query({ name: "add", text: ADD, values });
      return Number(rows[0].id);
    },
    async after(room, offset, most) {
      const values = [await conversation(room), offset, most];
      const { rows } = await pool.query({ name: "after", text: AFTER, values });
      return rows.map(({ id, payload, age_ms }) => ({ offset: Number(id), text: payload, age_ms: Number(age_ms) }));
    },
    async last(room) {
      const { rows } = await pool.query({ name: "last", text: LAST, values: [await conversation(room)] });
      return Number(rows[0].last);
    },
    async figures() {
      const [found] = (await pool.query({ name: "figures", text: FIGURES })).rows;
      return { messages: Number(found.messages), dead: Number(found.dead), bytes: Number(found.bytes) };
    },
  };
}

// ── documents ─────────────────────────────────────────────────────────────────────────

const DIGITS = 12;
const key = (room, offset) => `${encodeURIComponent(room)}:${String(offset).padStart(DIGITS, "0")}`;
const offsetOf = (id) => Number(id.slice(-DIGITS));

// A document store has no lock. Its offsets are the numbers 1, 2, 3 … of a room, in the documents' ids: of
// two servers that write the same one, one is refused, and tries the numbers after what is there by now.
function documentStore(database) {
  const rooms = new Map();
  const last = async (room) => {
    const [newest] = await database.read(key(room, 0), key(room, 10 ** DIGITS - 1), 1, true);
    return newest === undefined ? 0 : offsetOf(newest._id);
  };
  // all that waits for a room is written at once, and nothing else of it meanwhile
  const write = async (room, state) => {
    state.writing = true;
    try {
      while (state.waiting.length > 0) {
        state.last ??= await last(room);
        const batch = state.waiting.splice(0);
        const at = Date.now();
        const documents = batch.map(({ text }, index) => ({
          _id: key(room, state.last + 1 + index),
          at,
          payload: text,
        }));
        const written = await database.write(documents).catch((error) => error);
        if (written instanceof Error) {
          state.last = undefined;
          for (const one of batch) one.failed(written);
          continue;
        }
        const refused = batch.filter((_, index) => !written[index]);
        batch.forEach((one, index) => written[index] && one.done(offsetOf(documents[index]._id)));
        state.last = refused.length > 0 ? undefined : state.last + batch.length;
        state.waiting.unshift(...refused);
      }
    } catch (error) {
      state.last = undefined;
      for (const one of state.waiting.splice(0)) one.failed(error);
    } finally {
      state.writing = false;
    }
  };
  return {
    add(room, text) {
      if (!rooms.has(room)) rooms.set(room, { last: undefined, waiting: [], writing: false });
      const state = rooms.get(room);
      return new Promise((done, failed) => {
        state.waiting.push({ text, done, failed });
        if (!state.writing) write(room, state);
      });
    },
    async after(room, offset, most) {
      const found = await database.read(key(room, offset + 1), key(room, 10 ** DIGITS - 1), most, false);
      const now = Date.now();
      return found.map(({ _id, at, payload }) => ({ offset: offsetOf(_id), text: payload, age_ms: now - at }));
    },
    last,
    figures: () => database.figures(),
  };
}

// CouchDB's protocol over HTTP: CouchDB itself, or PouchDB Server.
async function couchDatabase(url) {
  const place = `${url}/messages`;
  const ask = async (method, path, body) => {
    const asked = {
      method,
      headers: { "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    };
    // a server that was held up may use a connection that the store has closed meanwhile: what only reads is
    // asked once more, as browsers do
    const response = await fetch(place + path, asked).catch((error) => {
      if (method !== "GET") throw error;
      return fetch(place + path, asked);
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`store: ${response.status} ${answer.error}: ${answer.reason}`);
    return answer;
  };
  await ask("PUT", "").catch((error) => {
    if (!error.message.startsWith("store: 412")) throw error; // another server has made it
  });
  return {
    async write(documents) {
      // PouchDB Server answers in any order
      const answers = new Map((await ask("POST", "/_bulk_docs", { docs: documents })).map((one) => [one.id, one]));
      return documents.map(({ _id }) => {
        const answer = answers.get(_id) ?? { error: "no answer", reason: _id };
        if (answer.error && answer.error !== "conflict" && answer.status !== 409) {
          throw new Error(`store: ${answer.error}: ${answer.reason}`);
        }
        return !answer.error;
      });
    },
    async read(first, final, most, backwards) {
      const [startkey, endkey] = backwards ? [final, first] : [first, final];
      const query = new URLSearchParams({
        startkey: JSON.stringify(startkey),
        endkey: JSON.stringify(endkey),
        limit: String(most),
        include_docs: "true",
        ...(backwards && { descending: "true" }),
      });
      return (await ask("GET", `/_all_docs?${query}`)).rows.map(({ doc }) => doc);
    },
    async figures() {
      const { doc_count, doc_del_count, sizes, disk_size } = await ask("GET", "");
      return { messages: doc_count, dead: doc_del_count ?? 0, bytes: sizes?.file ?? disk_size ?? 0 };
    },
  };
}

async function mongoCollection(url) {
  const { MongoClient } = await import("mongodb");
  const client = new MongoClient(url, { directConnection: true });
  await client.connect();
  const database = client.db("siotool");
  const messages = database.collection("messages");
  return {
    async write(documents) {
      const refused = new Set();
      await messages.insertMany(documents, { ordered: false, writeConcern: { w: 1, journal: true } }).catch((error) => {
        for (const one of error.writeErrors ?? []) {
          if (one.code !== 11000) throw error;
          refused.add(one.index);
        }
        if (refused.size === 0) throw error;
      });
      return documents.map((_, index) => !refused.has(index));
    },
    read: (first, final, most, backwards) =>
      messages
        .find({ _id: { $gte: first, $lte: final } })
        .sort({ _id: backwards ? -1 : 1 })
        .limit(most)
        .toArray(),
    async figures() {
      const { count, storageSize, totalIndexSize } = await database.command({ collStats: "messages" });
      return { messages: count, dead: 0, bytes: storageSize + totalIndexSize };
    },
  };
}
