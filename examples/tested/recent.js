'use strict';

// The last messages of a chat room, in slots of a slab: what the two tests beside it are of.

const { Slab } = require('ralloc');

class Recent {
  #slab;
  #most;
  #messages = [];

  /** Keeps the last `most` messages of at most 1 KiB. */
  constructor(most) {
    this.#most = most;
    this.#slab = new Slab({ sizes: [64, 256, 1024], count: most + 1, name: 'recent' });
  }

  add(text) {
    const bytes = this.#slab.allocUnsafe(Buffer.byteLength(text));
    bytes.write(text);
    this.#messages.push(bytes);
    if (this.#messages.length > this.#most) this.#slab.free(this.#messages.shift());
  }

  /** All of them, the oldest first. */
  texts() {
    return this.#messages.map((bytes) => bytes.toString());
  }

  close() {
    for (const bytes of this.#messages.splice(0)) this.#slab.free(bytes);
    this.#slab.close();
  }
}

module.exports = { Recent };
