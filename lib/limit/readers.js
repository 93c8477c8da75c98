'use strict';

// Clients that do not read what a server sends them: when all write queues have more than a part of
// the limit, the one with the most that has taken nothing for long is closed. Who reads slowly
// stays: its kernel tells of each byte.

const { kMessage } = require('../base/internals.js');
const time = require('../base/time.js');
const { warnOnce } = require('../base/warnings.js');
const { takenFrom } = require('../node/taken.js');
const { kinds } = require('../process/made-by-node.js');
const { routeOf } = require('../process/inventory.js');

const queued = ({ writableLength = 0, [kMessage]: message }) =>
  Math.max(writableLength, message?.writableLength ?? 0);

class Readers {
  #known = new WeakMap(); // socket -> { taken, since }
  #controller;
  queued = 0;
  cut = 0;

  constructor(controller) {
    this.#controller = controller;
  }

  /** Since when a client has taken nothing. */
  #stuckFor(socket, now) {
    const taken = takenFrom(socket);
    const known = this.#known.get(socket);
    if (known !== undefined && (taken === undefined || taken <= known.taken))
      return now - known.since;
    this.#known.set(socket, { taken: taken ?? 0, since: now });
    return 0;
  }

  look(now = time.now()) {
    const { objects } = kinds.sockets.some(Number.MAX_SAFE_INTEGER);
    const clients = objects.filter(({ server }) => server); // not connections to others
    const waiting = clients
      .map((socket) => [socket, queued(socket)])
      .filter(([, bytes]) => bytes > 0);
    this.queued = waiting.reduce((sum, [, bytes]) => sum + bytes, 0);
    const { mostUnsent } = this.#controller;
    if (this.queued < mostUnsent / 4) return; // since when is known by the time that it counts
    const stuck = waiting.map(([socket, bytes]) => [socket, bytes, this.#stuckFor(socket, now)]);
    if (this.queued < mostUnsent) return;
    const mostMs = this.#controller.stallFor();
    stuck.sort(([, one], [, other]) => other - one);
    let left = this.queued;
    for (const [socket, bytes, ms] of stuck) {
      if (ms < mostMs) continue;
      this.#cut(socket, bytes, ms);
      left -= bytes;
      if (left < mostUnsent) return;
    }
  }

  #cut(socket, bytes, ms) {
    this.cut++;
    const req = socket[kMessage]?.req;
    const route = req === undefined ? 'a connection' : routeOf(req);
    warnOnce('RALLOC_CLIENT_CUT', {
      route,
      address: socket.remoteAddress,
      bytes,
      ms,
      total: this.queued,
    });
    socket.destroy();
  }
}

module.exports = { Readers };
