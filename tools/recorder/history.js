'use strict';

// The events of a line in each slot, as numbers in one array: a large profile has a hundred thousand histories.

const WIDTH = 4; // slot, born, live, young

class History {
  #rows = [];

  /** Adds to a slot: bytes allocated, the change of live bytes, and bytes that died young. */
  add(slot, born, live, young) {
    const rows = this.#rows;
    const last = rows.length - WIDTH;
    if (last < 0 || rows[last] !== slot) {
      rows.push(slot, born, live, young);
      return;
    }
    rows[last + 1] += born;
    rows[last + 2] += live;
    rows[last + 3] += young;
  }

  merge(other) {
    other.each((slot, { born, live, young }) => this.add(slot, born, live, young));
  }

  get isEmpty() {
    return this.#rows.length === 0;
  }

  /** Calls `tell(slot, { born, live, young })`; a slot may be passed more than once. */
  each(tell) {
    const rows = this.#rows;
    for (let i = 0; i < rows.length; i += WIDTH) {
      tell(rows[i], { born: rows[i + 1], live: rows[i + 2], young: rows[i + 3] });
    }
  }
}

module.exports = { History };
