'use strict';

// Sessions that live in a region, as their bytes: a million of them are nothing that V8's collector has to walk.
//
//   const sessions = new SessionStore({ maxBytes: 256 * 2 ** 20, ttlMs: 3_600_000 });
//   sessions.set(id, { user: 5, cart: [1, 2] });
//   sessions.get(id);
//
// A session is what v8.serialize() makes of it. It ends when it was not asked for `ttlMs`: at the next look at it, or by sweep(), which
// looks at the oldest ones. Where the region is full, set() says so by false, and nothing has changed: it is for the
// application to say who has to go.

const { deserialize, serialize } = require('node:v8');
const { Region } = require('ralloc');

const NEVER = Number.POSITIVE_INFINITY;

class SessionStore {
  #region;
  #ttlMs;
  #now;
  #sessions = new Map(); // id → { bytes, until }, the next to end first

  /** `now()`: the time in milliseconds. */
  constructor({ maxBytes, ttlMs = NEVER, now = Date.now } = {}) {
    this.#region = new Region({ maxBytes, name: 'sessions' });
    this.#ttlMs = ttlMs;
    this.#now = now;
  }

  get size() {
    return this.#sessions.size;
  }

  /** The session, which lives on from now; undefined if there is none. */
  get(id) {
    const session = this.#sessions.get(id);
    if (session === undefined) return undefined;
    if (session.until <= this.#now()) {
      this.delete(id);
      return undefined;
    }
    this.#renew(id, session);
    return deserialize(session.bytes);
  }

  /** Keeps a copy of `value` in the place of what was there: false where there is no memory for it. */
  set(id, value) {
    const serialized = serialize(value);
    const bytes = this.#region.tryAllocUnsafe(serialized.length);
    if (bytes === null) return false;
    bytes.set(serialized);
    this.delete(id);
    this.#renew(id, { bytes, until: 0 });
    return true;
  }

  /** Puts a session behind all others. */
  #renew(id, session) {
    session.until = this.#now() + this.#ttlMs;
    this.#sessions.delete(id);
    this.#sessions.set(id, session);
  }

  /** Whether there was one. */
  delete(id) {
    const session = this.#sessions.get(id);
    if (session === undefined) return false;
    this.#sessions.delete(id);
    this.#region.free(session.bytes);
    return true;
  }

  /** Ends what is over: how many. */
  sweep() {
    const now = this.#now();
    let ended = 0;
    for (const [id, { until }] of this.#sessions) {
      if (until > now) break;
      this.delete(id);
      ended++;
    }
    return ended;
  }

  stats() {
    return this.#region.stats();
  }

  close() {
    this.#sessions.clear();
    this.#region.close({ force: true });
  }
}

module.exports = { SessionStore };
