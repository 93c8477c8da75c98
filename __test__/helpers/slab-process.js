'use strict';

// Slabs that processes share: their names, and the tests of them.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Slab } = require('../..');
const { testWhere } = require('./backend.js');
const { canInherit, canShare } = require('./slab-kinds.js');

const isLinux = process.platform === 'linux';

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

/** A test of slabs that processes share. */
const sharedTest = (title, body, run) =>
  testWhere(canShare, 'native memory on Linux or Windows', title, body, run);

/** The same of slabs without a name. */
const inheritTest = (title, body, run) =>
  testWhere(canInherit, 'native memory on Linux', title, body, run);

module.exports = { canInherit, canShare, freshName, inheritTest, segmentFile, sharedTest };
