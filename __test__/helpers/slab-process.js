'use strict';

// Processes that share a slab.

const fs = require('node:fs');
const { once } = require('node:events');
const { Slab } = require('../..');
const { isNative, testWhere } = require('./backend.js');
const { start } = require('./child.js');

const canShare = isNative && process.platform === 'linux';

/** Of the slabs that pair() makes. */
const OPTIONS = { sizes: [64, 4096], count: [64, 16] };

let names = 0;

/** A name that no other test has. It ends with the test. */
function freshName(t) {
  const name = `/ralloc-test-${process.pid}-${++names}`;
  t.teardown(() => fs.rmSync(`/dev/shm${name}`, { force: true }));
  return name;
}

/** Another process that does what ask() tells it (fixtures/slab/process.js). It ends with the test. */
class Other {
  constructor(t, options = {}) {
    const { child, ask } = start('slab/process.js', {
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
      ...options,
    });
    this.child = child;
    this.pid = child.pid;
    this.exit = once(child, 'exit');
    this.send = ask;
    t.teardown(() => child.kill('SIGKILL'));
  }

  static async opening(t, from, options) {
    const other = new Other(t);
    await other.ask('open', { from, options });
    return other;
  }

  /** The result of a command; its error, as { name, code, message }, where it throws. */
  async ask(what, args = {}) {
    const { value, error } = await this.send({ what, args });
    return error ?? value;
  }

  /** Resolves when the process is gone; it is told to by a command, if one is given. */
  async end(what) {
    if (what === undefined) this.child.kill('SIGKILL');
    else this.child.send({ what, args: {} });
    return this.exit;
  }
}

/** A slab, and a process that has it too. */
async function pair(t, options) {
  const name = freshName(t);
  const slab = Slab.create(name, { ...OPTIONS, ...options });
  t.teardown(() => slab.close({ force: true }));
  return { name, slab, other: await Other.opening(t, name) };
}

/** A test of slabs that processes share. */
function sharedTest(title, body, run) {
  testWhere(canShare, 'native memory on Linux', title, body, run);
}

module.exports = { OPTIONS, Other, canShare, freshName, pair, sharedTest };
