'use strict';

const { RallocError, typeError } = require('../base/errors.js');
const { openedSince, retract } = require('./room.js');

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

  /** How many spans an epoch has since its last checkpoint, or in all without any; those that were cut short are none. */
  static spansSince(epoch) {
    const last = epoch.checkpoints?.at(-1)?.#position;
    return openedSince(epoch, last?.spanCount ?? 0);
  }

  /** Their windows give back what is charged ahead of its use. With `seals` no rewind opens them again. */
  static retract(checkpoints, owner, seals) {
    for (const checkpoint of checkpoints ?? []) {
      const position = checkpoint.#position;
      if (position.span === null) continue;
      retract(position.span, position.cursor, owner);
      position.end = position.span.end;
      if (seals) position.span = null;
    }
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
