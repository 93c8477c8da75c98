'use strict';

// Sessions of users, as they would be written to a store. One is made anew when it was used so often, and ends when the user signs
// out. Of too many the oldest one ends.

const USES = 30;
const RIGHTS = 200;

const textOf = (user) =>
  JSON.stringify({
    user,
    rights: Array.from({ length: RIGHTS }, (_, i) => ({ table: `table ${i}`, reads: true })),
  });

exports.Sessions = class Sessions {
  #all = new Map(); // by user, the oldest first
  #region;
  #most;

  constructor(region, most) {
    this.#region = region;
    this.#most = most;
  }

  of(user) {
    const session = this.#all.get(user);
    if (session !== undefined && session.uses++ < USES) return session.bytes;
    return this.#renew(user);
  }

  #renew(user) {
    this.end(user);
    const text = textOf(user);
    const bytes = this.#region.allocUnsafe(Buffer.byteLength(text));
    bytes.write(text);
    this.#all.set(user, { bytes, uses: 0 });
    if (this.#all.size > this.#most) this.end(this.#all.keys().next().value);
    return bytes;
  }

  end(user) {
    const session = this.#all.get(user);
    this.#all.delete(user);
    this.#region.free(session?.bytes);
  }
};
