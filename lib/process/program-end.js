'use strict';

// Whether a program has ended by itself. When its event loop has nothing left to do, nothing holds
// what its modules had: a collection at the exit finds dead what lived until then, and proves
// nothing of how long it was used.

const process = require('node:process');

class ProgramEnd {
  hasCome = false;
  #note = () => {
    this.hasCome = true;
  };

  constructor() {
    process.prependListener('beforeExit', this.#note);
  }

  stop() {
    process.off('beforeExit', this.#note);
  }
}

module.exports = { ProgramEnd };
