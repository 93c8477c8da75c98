'use strict';

/** What the model knows of an arena or a scope. */
class Node {
  live = []; // { buffer, id } in the order of allocation
  marks = []; // { checkpoint, count }
  holds = [];
  scopes = [];

  constructor(arena) {
    this.arena = arena;
  }

  /** What its end leaves without an owner: with that of its scopes. */
  *entries() {
    yield* this.live;
    for (const scope of this.scopes) yield* scope.entries();
  }
}

module.exports = { Node };
