'use strict';
// tier: run-time

// Slabs that processes share: what cannot be made or opened, by typed errors, and with nothing changed.

const test = require('ava');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { RallocError, Slab } = require('../..');
const { freshName, pair, sharedTest } = require('../helpers/slab-process.js');

const INVALID = 'ERR_RALLOC_INVALID_ARGUMENT';
const OPTIONS = { sizes: [64, 4096], count: [64, 16] };

const MAGIC = Buffer.from('ralloc\x01\xf5', 'latin1').readBigUInt64LE();

/** The file of a name. */
const fileOf = (name) => path.join('/dev/shm', name);

const error = (t, call) => {
  const thrown = t.throws(call, { any: true });
  t.true(thrown instanceof RallocError, thrown.message);
  return thrown;
};

const names = {
  empty: '',
  'a slash alone': '/',
  'without a slash': 'frames',
  'with a second slash': '/a/b',
  'that end with a slash': '/a/',
  'of two slashes': '//a',
  'that are the folder': '/.',
  'that are above the folder': '/..',
  'with a null byte': '/a\0b',
  'of half a character': '/\ud800',
  'of 256 bytes': `/${'x'.repeat(255)}`,
  'of 256 bytes in fewer characters': `/${'ü'.repeat(127)}x`,
};

for (const [which, name] of Object.entries(names)) {
  test(`names are refused: ${which}`, (t) => {
    for (const method of ['create', 'open', 'openOrCreate', 'unlink']) {
      t.throws(() => Slab[method](name, OPTIONS), { instanceOf: RangeError, code: INVALID });
    }
  });
}

test('names of another type are refused', (t) => {
  for (const method of ['create', 'open', 'openOrCreate', 'unlink']) {
    for (const name of [undefined, true, {}, ['/a'], Symbol('a'), () => '/a']) {
      t.throws(() => Slab[method](name, OPTIONS), { instanceOf: TypeError, code: INVALID });
    }
  }
  t.throws(() => Slab.open(null), { instanceOf: TypeError });
  t.throws(() => Slab.openOrCreate(null, OPTIONS), { instanceOf: TypeError });
  for (const fd of [-1, 1.5, 2 ** 31, Number.NaN]) {
    t.throws(() => Slab.open(fd), { instanceOf: RangeError, code: INVALID });
  }
});

const options = {
  'growing pools': { maxCount: 100 },
  'pools that drop slots': { minCount: 0 },
  'idle times of pools that cannot grow': { idleMs: 10 },
  'names of another kind': { name: 'frames' },
  'unknown options': { timeout: 10 },
  'times that are negative': { timeoutMs: -1 },
  'times that are no numbers': { transitMs: '30' },
  'times beyond timers': { transitMs: 2 ** 31 },
  'callbacks that are none': { onRecovered: true },
  'more than maxBytes': { maxBytes: 1000 },
  'more slots than tokens can name': { count: [2 ** 22, 1], maxBytes: 2 ** 40 },
  'no pools': { sizes: [] },
  'no count': { count: undefined },
};

for (const [which, more] of Object.entries(options)) {
  test(`options are refused: ${which}`, (t) => {
    const name = freshName(t);
    for (const method of ['create', 'openOrCreate']) {
      t.throws(() => Slab[method](name, { ...OPTIONS, ...more }), { code: INVALID });
    }
  });
}

test('those who open a slab do not choose its pools', (t) => {
  for (const option of ['sizes', 'count', 'maxBytes', 'transitMs']) {
    const call = () => Slab.open('/ralloc-test-none', { [option]: 1 });
    t.throws(call, { code: INVALID, message: new RegExp(`"${option}"`) });
  }
});

sharedTest('what is not there cannot be opened, and what is there not created', (t) => {
  const name = freshName(t);
  const none = error(t, () => Slab.open(name));
  t.like(none, { code: 'ERR_RALLOC_MAP', syscall: 'shm_open', errnoCode: 'ENOENT' });
  t.is(none.errno, os.constants.errno.ENOENT);
  const slab = Slab.create(name, OPTIONS);
  slab.alloc(10);
  const there = error(t, () => Slab.create(name, OPTIONS));
  t.like(there, { code: 'ERR_RALLOC_MAP', syscall: 'shm_open', errnoCode: 'EEXIST' });
  t.is(slab.stats().held, 1);
  t.is(slab.stats().participants, 1);
  slab.close({ force: true });
});

sharedTest('a slab of other pools is not opened, and the error says what differs', (t) => {
  const name = freshName(t);
  const slab = Slab.create(name, OPTIONS);
  const differing = [
    [{ sizes: [64], count: 4 }, 'number of pools', 2, 1],
    [{ sizes: [64, 8192], count: [64, 16] }, 'slot size of pool 1', 4096, 8192],
    [{ sizes: [64, 4096], count: [64, 17] }, 'count of pool 1', 16, 17],
  ];
  for (const [other, field, found, expected] of differing) {
    const thrown = error(t, () => Slab.openOrCreate(name, other));
    t.like(thrown, { code: 'ERR_RALLOC_SEGMENT_INVALID', field, found, expected });
  }
  const same = Slab.openOrCreate(name, OPTIONS);
  t.is(slab.stats().participants, 2);
  same.close();
  slab.close();
});

sharedTest('files that are no slabs, or damaged, are not opened and not removed', (t) => {
  const write = (change) => {
    const name = freshName(t);
    Slab.create(name, OPTIONS).close();
    change(fileOf(name));
    return name;
  };
  const patch = (at, value) => (file) => {
    const fd = fs.openSync(file, 'r+');
    fs.writeSync(fd, Buffer.from(new BigUint64Array([value]).buffer), 0, 8, at);
    fs.closeSync(fd);
  };
  const invalid = 'ERR_RALLOC_SEGMENT_INVALID';
  t.like(
    error(t, () => Slab.open(write(patch(0, 1n)))),
    { code: invalid, field: 'magic number', found: 1n },
  );
  // Numbers that doubles could not tell apart.
  const near = error(t, () => Slab.open(write(patch(0, MAGIC + 1n))));
  t.like(near, { field: 'magic number', found: MAGIC + 1n, expected: MAGIC });
  t.like(
    error(t, () => Slab.open(write(patch(8, 77n)))),
    { code: 'ERR_RALLOC_SEGMENT_VERSION', found: 77 },
  );
  t.like(
    error(t, () => Slab.open(write((file) => fs.truncateSync(file, 8192)))),
    { code: invalid, field: 'length of the file', found: 8192 },
  );
  const pools = write(patch(80, 32n));
  t.like(
    error(t, () => Slab.open(pools)),
    { code: invalid, field: 'number of pools', found: 32 },
  );
  t.true(fs.existsSync(fileOf(pools)));
  const text = freshName(t);
  fs.writeFileSync(fileOf(text), 'a text that is no slab, and long enough for a header', {
    mode: 0o600,
  });
  t.like(
    error(t, () => Slab.openOrCreate(text, OPTIONS)),
    { code: invalid, field: 'magic number' },
  );
  t.throws(() => Slab.unlink(text), { code: invalid });
  t.true(fs.existsSync(fileOf(text)));
  fs.unlinkSync(fileOf(text));
});

sharedTest('a slab in use is not made anew, whatever its header says', async (t) => {
  const { name, slab, other } = await pair(t);
  const [key] = await other.ask('alloc', { size: 64, id: 7 });
  const before = fs.statSync(fileOf(name));
  const fd = fs.openSync(fileOf(name), 'r+');
  fs.writeSync(fd, Buffer.from([1]), 0, 1, 24); // the state: ready becomes being made
  fs.closeSync(fd);
  const damaged = { code: 'ERR_RALLOC_SEGMENT_INVALID', field: 'state', found: 1, expected: 2 };
  for (const count of [
    [64, 16],
    [8, 8],
    [640, 160],
  ]) {
    for (const method of ['create', 'openOrCreate']) {
      const thrown = error(t, () => Slab[method](name, { ...OPTIONS, count }));
      t.like(thrown, damaged, method);
    }
  }
  t.like(
    error(t, () => Slab.open(name)),
    damaged,
  );
  t.is(fs.statSync(fileOf(name)).ino, before.ino);
  t.is(fs.statSync(fileOf(name)).size, before.size);
  t.true(await other.ask('isStamped', { key, id: 7 }));
  await other.end();
  slab.close();
  const next = Slab.openOrCreate(name, { ...OPTIONS, count: 8 }); // nobody has it any more
  t.is(next.stats().held, 0);
  next.close();
});

sharedTest('a file that other users can open is not opened', (t) => {
  const name = freshName(t);
  Slab.create(name, OPTIONS).close();
  t.is(fs.statSync(fileOf(name)).mode & 0o777, 0o600);
  fs.chmodSync(fileOf(name), 0o666);
  t.like(
    error(t, () => Slab.open(name)),
    { code: 'ERR_RALLOC_SEGMENT_INVALID', field: 'mode for other users' },
  );
  // It is listed all the same, and what is listed can be ended.
  t.true(Slab.list().some((one) => one.name === name));
  t.true(Slab.unlink(name));
  t.false(fs.existsSync(fileOf(name)));
});

sharedTest('a slab that nobody finishes is waited for, for so long', (t) => {
  const name = freshName(t);
  fs.writeFileSync(fileOf(name), '', { mode: 0o600 });
  t.like(
    error(t, () => Slab.open(name, { timeoutMs: 20 })),
    { code: 'ERR_RALLOC_SEGMENT_TIMEOUT' },
  );
  const slab = Slab.create(name, OPTIONS);
  t.is(slab.stats().free, 80, 'whoever has options for it finishes it');
  slab.close();
});

sharedTest('what does not fit is refused before it is made, with both figures', (t) => {
  const name = freshName(t);
  const huge = { sizes: [2 ** 30], count: 4096, maxBytes: Number.MAX_SAFE_INTEGER };
  const thrown = error(t, () => Slab.create(name, huge));
  t.like(thrown, { code: 'ERR_RALLOC_MAP', errnoCode: 'ENOSPC' });
  t.true(thrown.requested >= 2 ** 42 && thrown.free < thrown.requested);
  t.regex(thrown.message, /--shm-size|memory limit/);
  t.false(fs.existsSync(fileOf(name)));
});

sharedTest('descriptors of anything else are refused', (t) => {
  const fd = fs.openSync(__filename);
  t.teardown(() => fs.closeSync(fd));
  t.like(
    error(t, () => Slab.open(fd)),
    { name: 'RallocError' },
  );
  const none = error(t, () => Slab.open(2 ** 30));
  t.like(none, { code: 'ERR_RALLOC_MAP', syscall: 'fcntl', errnoCode: 'EBADF' });
  t.regex(none.message, /descriptor 1073741824: the process has no such descriptor/);
});

sharedTest('tokens that nobody sent are stale', (t) => {
  const slab = Slab.create(freshName(t), OPTIONS);
  for (const token of [0, 1, 79, 80, 2 ** 22, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
    t.throws(() => slab.receive(token), { code: 'ERR_RALLOC_STALE_TOKEN' });
  }
  t.is(slab.stats().held, 0);
  slab.close();
});
