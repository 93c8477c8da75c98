'use strict';

// Processes that share a slab.

const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Slab } = require('../..');
const { testWhere } = require('./backend.js');
const { start } = require('./child.js');
const { canInherit, canShare } = require('./slab-kinds.js');

const isLinux = process.platform === 'linux';

/** Of the slabs that pair() makes. */
const OPTIONS = { sizes: [64, 4096], count: [64, 16] };

let names = 0;

/** A name that no other test has. It ends with the test. */
function freshName(t) {
  const name = `/ralloc-test-${process.pid}-${++names}`;
  t.teardown(() => canShare && remove(name));
  return name;
}

/** Removes the file of a name, whatever it is. Windows deletes none that is mapped, and unlink() takes slabs alone. */
function remove(name) {
  try {
    fs.rmSync(segmentFile(name), { force: true });
  } catch (error) {
    if (isLinux) throw error;
    Slab.unlink(name);
  }
}

/** The file of a slab's name. */
function segmentFile(name) {
  const folder = ['AppData', 'Local', 'Temp', 'ralloc-slabs'];
  return isLinux ? `/dev/shm${name}` : path.join(os.homedir(), ...folder, name);
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
  testWhere(canShare, 'native memory on Linux or Windows', title, body, run);
}

/** The same of slabs without a name. */
const inheritTest = (title, body, run) =>
  testWhere(canInherit, 'native memory on Linux', title, body, run);

module.exports = {
  OPTIONS,
  Other,
  canInherit,
  canShare,
  freshName,
  inheritTest,
  pair,
  segmentFile,
  sharedTest,
};
