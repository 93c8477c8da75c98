'use strict';
// tier: run-time, differs by Node

// When an operation that the guard holds is over: not before the program has seen what it read.

require('../../../lib/node/guard/index.js'); // before anyone takes functions out of Node's modules
const test = require('ava');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const { promisify } = require('node:util');
const { Arena } = require('../../../lib/index.js');
const { letGo } = require('../../helpers/until.js');

const { size } = fs.statSync(__filename);

/** Each fills a Buffer, and resolves when it has. */
const reading = {
  'promisify(fs.read)': (buffer, fd) => promisify(fs.read)(fd, buffer, 0, size, 0),
  'promisify(fs.readv)': (buffer, fd) => promisify(fs.readv)(fd, [buffer], 0),
  'promisify(crypto.randomFill)': (buffer) => promisify(crypto.randomFill)(buffer),
  'a promise of a promise': async (buffer, fd) =>
    Promise.resolve(await promisify(fs.read)(fd, buffer, 0, size, 0)),
};

for (const [name, read] of Object.entries(reading)) {
  test(`who awaits ${name} after a reset finds what was read, and after that nothing`, async (t) => {
    const fd = fs.openSync(__filename);
    t.teardown(() => fs.closeSync(fd));
    const arena = new Arena({ guard: true });
    const buffer = arena.alloc(size);
    const filled = read(buffer, fd);
    arena.reset();
    await filled;
    t.is(buffer.length, size);
    t.is(buffer.equals(fs.readFileSync(__filename)), !name.includes('randomFill'));
    await letGo(arena);
    t.is(buffer.length, 0);
    arena.close();
  });
}

test('the callback of a write has its Buffer still, whose memory goes back after it', async (t) => {
  const fd = fs.openSync(os.devNull, 'w');
  t.teardown(() => fs.closeSync(fd));
  const arena = new Arena({ guard: true });
  const buffer = arena.alloc(10);
  const length = await new Promise((resolve) => {
    fs.write(fd, buffer, () => resolve(buffer.length));
    arena.reset();
  });
  t.is(length, 10);
  t.is(buffer.length, 0);
  t.is(arena.stats().memory.held, 0);
  arena.close();
});
