'use strict';

const { RallocError, typeError } = require('../base/errors.js');

/** Where an arena stood. Spent by its rewind. */
class Checkpoint {
  #of;
  #position;

  constructor(of, position) {
    this.#of = of;
    this.#position = position;
  }

  /** The charged heap bytes of then; undefined for what is no checkpoint of `of`. */
  static heapBytesOf(checkpoint, of) {
    const isOurs = typeof checkpoint === 'object' && checkpoint !== null && #of in checkpoint;
    return isOurs && checkpoint.#of === of ? checkpoint.#position.heapBytes : undefined;
  }

  /** How many spans the epoch of `checkpoints` had when the last of them was made; 0 without any. */
  static spansBefore(checkpoints) {
    return checkpoints === null || checkpoints.length === 0
      ? 0
      : checkpoints[checkpoints.length - 1].#position.spanCount;
  }

  /** Where the window of `of` stood; throws for what is no checkpoint, spent, out of order or foreign. */
  static positionOf(checkpoint, of, checkpoints) {
    if (checkpoint === null || typeof checkpoint !== 'object' || !(#of in checkpoint)) {
      throw typeError('checkpoint', 'an instance of Checkpoint', checkpoint);
    }
    if (checkpoint.#of !== of) throw stale('belongs to another arena');
    if (!checkpoints?.includes(checkpoint)) {
      throw stale('is no longer valid: the arena was rewound to it or past it, or was reset');
    }
    return checkpoint.#position;
  }
}

const stale = (why) => new RallocError('ERR_RALLOC_STALE_CHECKPOINT', `The checkpoint ${why}`);

module.exports = { Checkpoint };
