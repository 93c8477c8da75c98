'use strict';
// tier: run-time, differs by Node

// compressors(): streams of zlib that use the memory of others again. Nobody can tell them from Node's, and nothing of the stream before is seen.

const test = require('ava');
const { AsyncLocalStorage, executionAsyncId } = require('node:async_hooks');
const domain = require('node:domain');
const { once } = require('node:events');
const zlib = require('node:zlib');
const time = require('../../lib/base/time.js');
const { compressors, stats } = require('../..');
const { budget, seedOr } = require('../helpers/budget.js');
const { run } = require('../helpers/child.js');
const { random } = require('../helpers/random.js');
const { until, untilCollected } = require('../helpers/until.js');

// What may be asked of a stream, as a list of steps, and what comes of it: so that two makers of such streams can be compared.

const { Z_FULL_FLUSH, Z_PARTIAL_FLUSH, Z_SYNC_FLUSH } = zlib.constants;
const FLUSHES = [Z_PARTIAL_FLUSH, Z_SYNC_FLUSH, Z_FULL_FLUSH];
const EVENTS = ['finish', 'end', 'error', 'close'];

const WORDS = ['"id":', '"name":', 'product ', 'shelf-', '{', '},', '0.99', '\u00e9\u00df', 'new'];

/** Text that deflate can shorten, of `length` words. */
const textOf = (random, length) =>
  Array.from({ length }, () => WORDS[random(WORDS.length)] + random(100)).join('');

const picked = (random, all) => all[random(all.length)];

/** Options of a compressor. */
function optionsOf(random) {
  const options = {};
  const set = (name, all) => {
    if (random(3) === 0) options[name] = picked(random, all);
  };
  set('level', [-1, 0, 1, 5, 6, 9]);
  set('memLevel', [1, 4, 8, 9]);
  set('windowBits', [9, 12, 15]);
  set('strategy', [0, 1, 2, 3, 4]);
  set('chunkSize', [64, 1000, 16384, 65536]);
  set('highWaterMark', [1, 1000, 65536]);
  return random(4) === 0 ? undefined : options;
}

/**
 * Steps `[kind, value, isAwaited]`; what is not awaited is followed at once by the next. params() is: Node changes the settings when it calls back, and where the thread pool
 * is at the next write by then, the process ends.
 */
function stepsOf(random) {
  const steps = Array.from({ length: random(6) }, () => {
    const isAwaited = random(2) === 0;
    const kind = random(10);
    if (kind === 0) return ['flush', picked(random, FLUSHES), isAwaited];
    if (kind === 1) return ['params', [random(10), random(5)], true];
    return ['write', Buffer.from(textOf(random, random(random(3) === 0 ? 5000 : 50))), isAwaited];
  });
  return [...steps, ['end', picked(random, [undefined, Buffer.from(textOf(random, 20))]), false]];
}

const ACTS = {
  write: (stream, value, callback) => stream.write(value, callback),
  flush: (stream, kind, callback) => stream.flush(kind ?? Z_FULL_FLUSH, callback),
  params: (stream, [level, strategy], callback) => stream.params(level, strategy, callback),
  end: (stream, value, callback) => stream.end(value, callback),
  destroy: (stream, value, callback) => process.nextTick(callback, stream.destroy(value)),
};

/** Resolves to `{ events, bytes, written }`, once the stream is closed. */
async function follow(stream, steps) {
  const events = [];
  const chunks = [];
  for (const event of EVENTS) stream.on(event, (error) => events.push(error?.code ?? event));
  stream.on('data', (chunk) => chunks.push(chunk));
  const closed = once(stream, 'close');
  closed.catch(() => {}); // of 'error'
  for (const [kind, value, isAwaited] of steps) {
    const called = new Promise((resolve) => ACTS[kind](stream, value, resolve));
    if (isAwaited) await Promise.race([called, closed.catch(() => {})]);
  }
  if (!stream.closed) await new Promise((resolve) => stream.once('close', resolve));
  return { events, bytes: Buffer.concat(chunks), written: stream.bytesWritten };
}

const NAMES = ['createGzip', 'createDeflate', 'createDeflateRaw'];
const ours = compressors();

const timers = [];
time.setTimeout = (callback, ms) => {
  timers.push(callback);
  return { ms, unref() {} };
};

/** So many others are open that what ends is kept. */
const others = [ours.createGzip(), ours.createGzip()];

const counts = () => stats().compressors;
const ticks = () => new Promise((resolve) => setImmediate(resolve));

/** Has a stream compress `text` to its end, and its handle come to rest. */
async function compress(stream, text = 'some text') {
  const { bytes } = await follow(stream, [['end', Buffer.from(text), false]]);
  await ticks();
  return bytes;
}

/** Nothing is at rest. */
async function empty() {
  compressors({ maxIdle: 0 });
  while (counts().idle > 0) {
    await compress(ours.createGzip());
    while (timers.length > 0) timers.shift()();
  }
  compressors({ maxIdle: 32 });
}

test.serial(
  'random streams give the bytes and the events of Node’s, one after another and at once',
  async (t) => {
    const seed = seedOr(411);
    const choose = random(seed);
    const { reused } = counts();
    const rounds = budget(20, 3000, 20); // in fewer hardly anything comes to rest
    for (let round = 0; round < rounds; round++) {
      const plans = Array.from({ length: 1 + choose(5) }, () => {
        return { name: NAMES[choose(3)], options: optionsOf(choose), steps: stepsOf(choose) };
      });
      const by = (all) =>
        Promise.all(plans.map(({ name, options, steps }) => follow(all[name](options), steps)));
      const [due, got] = [await by(zlib), await by(ours)];
      for (const [i, plan] of plans.entries()) {
        t.deepEqual(got[i].events, due[i].events, `seed ${seed}, round ${round}, ${plan.name}`);
        t.is(got[i].written, due[i].written);
        t.true(got[i].bytes.equals(due[i].bytes), `seed ${seed}, round ${round}, ${plan.name}`);
      }
    }
    t.true(counts().reused - reused > rounds / 2, 'most are made of what was there');
  },
);

test.serial(
  'after a stream that ended another one uses its memory, and has the same properties',
  async (t) => {
    await empty();
    const first = ours.createGzip({ level: 3 });
    await compress(first);
    t.is(counts().idle, 1);
    const { made, reused } = counts();
    const second = ours.createGzip({ level: 3 });
    t.deepEqual([counts().made, counts().reused, counts().idle], [made, reused + 1, 0]);
    const nodes = zlib.createGzip({ level: 3 });
    t.deepEqual(Object.keys(second), Object.keys(nodes));
    const fresh = ours.createGzip();
    for (const stream of [second, fresh]) t.is(Object.getPrototypeOf(stream), zlib.Gzip.prototype);
    fresh.destroy();
    t.is(second.constructor, zlib.Gzip);
    t.is(first._handle, null);
    await Promise.all([compress(second), compress(nodes)]);
  },
);

test.serial('what a stream has put out is its reader’s, and has no bytes of another', async (t) => {
  await empty();
  const choose = random(12);
  const kept = [];
  for (let i = 0; i < 6; i++) {
    const text = textOf(choose, i % 2 === 0 ? 300 : 60_000); // less than a Buffer of output, and more
    const stream = ours.createDeflate();
    const chunks = [];
    stream.on('data', (chunk) => chunks.push(chunk));
    await compress(stream, text);
    t.is(stream._outBuffer.length, 0, 'which is no way to the output of the next');
    kept.push({ text, chunks });
  }
  t.is(counts().idle, 1);
  for (const [i, { text, chunks }] of kept.entries()) {
    t.is(`${zlib.inflateSync(Buffer.concat(chunks))}`, text);
    const [{ buffer, length }] = chunks;
    const isAlone = buffer.byteLength === length || length > 64;
    t.true(isAlone || i === 0, "the header is alone, if the output is not Node's own");
  }
});

test.serial('what it puts out does not tell what the stream before it had', async (t) => {
  await empty();
  const choose = random(3);
  const text = textOf(choose, 20_000);
  for (const [name, lengths] of [
    ['createGzip', [90, 5_000, 12_100]],
    ['createDeflate', [90, 33_000, 65_200]],
    ['createDeflateRaw', [90, 33_000, 65_200]],
  ]) {
    for (const level of [1, 6, 9]) {
      for (const length of lengths) {
        // Its last three bytes were there before, with an `x` behind them. In the stream before, an `x` is behind its end.
        const guess = `${text.slice(0, length - 83)}\x01\x02\x03x${text.slice(0, 76)}\x01\x02\x03`;
        const { reused } = counts();
        await compress(ours[name]({ level }), 'x'.repeat(length + 100));
        const got = await compress(ours[name]({ level }), guess);
        t.true(counts().reused > reused, `${name} ${length}`);
        const due = await compress(zlib[name]({ level }), guess);
        t.true(got.equals(due), `${name} ${level} ${length}`);
      }
    }
  }
});

test.serial('one that was aborted is never used again, whatever it was doing', async (t) => {
  await empty();
  const choose = random(7);
  const large = Buffer.from(textOf(choose, 20_000));
  const steps = [
    ['write', large, false],
    ['flush', undefined, false],
    ['write', large, true],
    ['end', large, false],
  ];
  for (let at = 0; at <= steps.length; at++) {
    for (const [wait, value] of [
      [false, undefined],
      [true, undefined],
      [false, Object.assign(new Error('away'), { code: 'AWAY' })],
    ]) {
      const { closed, idle } = counts();
      const before = steps
        .slice(0, at)
        .map(([kind, bytes, isAwaited]) => [kind, bytes, isAwaited || wait]);
      const plan = [
        ...before.filter(([kind]) => kind !== 'end' || !wait),
        ['destroy', value, false],
      ];
      const [due, got] = await Promise.all([
        follow(zlib.createGzip({ level: 1 }), plan),
        follow(ours.createGzip({ level: 1 }), plan),
      ]);
      await ticks();
      t.deepEqual(got.events, due.events, `${at} ${wait}`);
      t.is(counts().idle, idle);
      t.is(counts().closed.unfinished, closed.unfinished + 1);
    }
  }
  const due = zlib.gzipSync(large, { level: 1 });
  t.true((await compress(ours.createGzip({ level: 1 }), large)).equals(due));
});

test.serial(
  'nor one that nobody has read to its end, nor one whose settings have changed',
  async (t) => {
    await empty();
    const unread = ours.createGzip();
    unread.end('text');
    await once(unread, 'readable');
    await until(() => unread._handle.buffer === null); // the thread pool is done
    unread.destroy();
    const changed = ours.createDeflate({ level: 9 });
    await follow(changed, [
      ['write', Buffer.from('text'), true],
      ['params', [1, 0], true],
      ['end', undefined, false],
    ]);
    await ticks();
    t.is(counts().idle, 0);
  },
);

test.serial('nor one of other settings, or of another kind', async (t) => {
  await empty();
  await compress(ours.createGzip({ level: 1 }));
  const { reused } = counts();
  const others = [
    ours.createGzip(),
    ours.createGzip({ level: 2 }),
    ours.createGzip({ level: 1, memLevel: 9 }),
    ours.createGzip({ level: 1, windowBits: 14 }),
    ours.createGzip({ level: 1, strategy: 1 }),
    ours.createDeflate({ level: 1 }),
  ];
  t.is(counts().reused, reused);
  for (const stream of others) stream.destroy();
});

test.serial('what is written to it by others keeps a handle from being used again', async (t) => {
  await empty();
  const inDomain = domain.create();
  const stream = inDomain.run(() => ours.createGzip());
  await compress(stream);
  const named = ours.createGzip();
  named._handle.close = named._handle.close.bind(named._handle);
  await compress(named);
  t.is(counts().idle, 0);
});

test.serial('every listener and callback sees the store of its own stream', async (t) => {
  await empty();
  const storage = new AsyncLocalStorage();
  const ids = [];
  const seen = [];
  const see = () => seen.push(storage.getStore());
  for (const store of ['first', 'second']) {
    const stream = storage.run(store, () => {
      const made = ours.createGzip();
      made.on('data', () => ids.push(executionAsyncId()));
      for (const event of ['data', 'end', 'finish', 'close']) made.on(event, see);
      made.write('text', see);
      made.flush(see);
      made.end('text', see);
      return made;
    });
    await once(stream, 'close');
    await ticks();
    t.true(seen.length > 6 && seen.every((one) => one === store), `${seen}`);
    seen.length = 0;
  }
  t.true(counts().reused > 0);
  const outer = new AsyncLocalStorage();
  const failed = outer.run('third', () => ours.createGzip({ maxOutputLength: 20 }));
  t.is(
    await new Promise((resolve) => {
      failed.on('data', () => resolve(outer.getStore()));
      outer.run('other', () => failed.end('text'));
    }),
    'third',
  );
  await once(failed, 'close');
  await ticks();
});

test.serial('at rest it keeps neither the stream nor the store that it had', async (t) => {
  await empty();
  const storage = new AsyncLocalStorage();
  const refs = [];
  await storage.run({ big: true }, async () => {
    refs.push(new WeakRef(storage.getStore()));
    const stream = ours.createGzip();
    refs.push(new WeakRef(stream));
    await compress(stream);
  });
  t.is(counts().idle, 1);
  await untilCollected(() => refs.every((ref) => ref.deref() === undefined));
});

test.serial('at most maxIdle are at rest, the latest ones', async (t) => {
  await empty();
  compressors({ maxIdle: 2 });
  const { closed } = counts();
  for (const level of [1, 2, 3]) await compress(ours.createGzip({ level }));
  t.is(counts().idle, 2);
  t.is(counts().closed.full, closed.full + 1);
  const { made } = counts();
  await compress(ours.createGzip({ level: 3 }));
  t.is(counts().made, made);
  await compress(ours.createGzip({ level: 1 }));
  t.is(counts().made, made + 1);
  compressors({ maxIdle: 32 });
});

test.serial('what nobody has needed since the last look is closed', async (t) => {
  await empty();
  const both = [ours.createGzip(), ours.createGzip()];
  await Promise.all(both.map((stream) => compress(stream)));
  const { closed } = counts();
  const look = () => timers.shift()();
  look(); // the first of them was there all the time
  t.is(counts().idle, 1);
  await compress(ours.createGzip());
  look(); // the other one was not
  t.is(counts().idle, 1);
  t.is(counts().closed.rest, closed.rest + 1);
  look();
  t.is(counts().idle, 0);
  t.is(timers.length, 0, 'nothing is left to look at');
});

const plainObject = Object.create(null);
class Options {
  level = 1;
}

for (const [what, options, isLeft] of [
  ['none', undefined, false],
  ['those of a stream', { highWaterMark: 10, chunkSize: 100, emitClose: true }, false],
  ['without a prototype', plainObject, false],
  ['of others, as of compression()', { threshold: 0, filter: () => true }, false],
  ['a dictionary', { dictionary: Buffer.from('text') }, true],
  ['info', { info: true }, true],
  ['a method of a stream', { transform: (_chunk, _encoding, done) => done() }, true],
  ['of a class', new Options(), true],
  ['a Proxy', new Proxy({}, {}), true],
  ['a level that Node takes for the usual one', { level: Number.NaN }, true],
]) {
  test.serial(
    `options: ${what}: ${isLeft ? "the stream is Node's alone" : 'its memory is used again'}`,
    async (t) => {
      await empty();
      const { left } = counts();
      await compress(ours.createGzip(options));
      t.is(counts().left, left + Number(isLeft));
      t.is(counts().idle, Number(!isLeft));
    },
  );
}

test.serial('wrong options throw what they throw by Node', async (t) => {
  await empty();
  await compress(ours.createGzip());
  for (const options of [
    { level: 10 },
    { level: '1' },
    { windowBits: 8 },
    { memLevel: 0 },
    { chunkSize: 3 },
    { flush: 99 },
    { highWaterMark: -1 },
    null,
    'text',
  ]) {
    const made = (create) => {
      try {
        create(options).destroy();
        return 'made';
      } catch ({ name, code, message }) {
        return { name, code, message };
      }
    };
    t.deepEqual(made(ours.createGzip), made(zlib.createGzip));
  }
  t.true((await compress(ours.createGzip())).equals(zlib.gzipSync('some text')));
});

test.serial('getters of options are read once', (t) => {
  let reads = 0;
  ours
    .createGzip({
      get level() {
        reads += 1;
        return reads;
      },
    })
    .destroy();
  t.is(reads, 1);
});

test.serial('what gzip has compressed more of than 12 KiB with is not kept', async (t) => {
  await empty();
  await compress(ours.createGzip());
  const long = ours.createGzip();
  t.not(long._outBuffer.length, 0);
  await compress(long, 'x'.repeat(12 * 1024 + 1));
  t.is(long._outBuffer.length, 0, 'which has what the one before has put out');
  for (const [name, length, kept] of [
    ['createGzip', 12 * 1024 + 1, 0],
    ['createGzip', 12 * 1024, 1],
    ['createDeflate', 60_000, 1],
  ]) {
    const { idle, closed } = counts();
    await compress(ours[name](), 'x'.repeat(length));
    t.is(counts().idle - idle, kept, name);
    t.is(counts().closed.cheap - closed.cheap, 1 - kept);
    await empty();
  }
});

// The last of them: it ends the others.
test.serial(
  'memory is kept while two others are open, and not where malloc has it still warm',
  async (t) => {
    await empty();
    const { cheap } = counts().closed;
    for (const [n, other] of others.entries()) {
      await compress(ours.createGzip());
      t.is(counts().idle, n === 0 ? 1 : 0, `${2 - n} others are open`);
      await empty();
      other.destroy();
    }
    await ticks();
    await compress(ours.createGzip());
    t.is(counts().idle, 0);
    t.is(counts().closed.cheap, cheap + 2);
  },
);

test.serial(
  'streams of connections, which never end, are left alone; one that ends is not',
  async (t) => {
    const { createDeflateRaw } = compressors();
    const options = { level: 4, memLevel: 3 };
    const isOurs = (stream) => Object.hasOwn(stream, '_destroy');
    const { left } = stats().compressors;
    const open = Array.from({ length: 100 }, () => createDeflateRaw(options));
    t.deepEqual([open.filter(isOurs).length, open.findIndex((one) => !isOurs(one))], [33, 32]);
    t.is(stats().compressors.left - left, 67);
    t.true(isOurs(createDeflateRaw({ level: 5 })), 'others have settings of their own');
    open[64].resume().end('some');
    await once(open[64], 'close');
    const later = createDeflateRaw(options);
    t.true(isOurs(later));
    for (const stream of [...open, later]) stream.destroy();
  },
);

test('it has all of node:zlib, and the look of its functions', (t) => {
  t.deepEqual(Reflect.ownKeys(ours), Reflect.ownKeys(zlib));
  t.is(ours.constants, zlib.constants);
  t.is(ours.gzipSync, zlib.gzipSync);
  for (const name of NAMES) {
    t.not(ours[name], zlib[name]);
    t.is(ours[name].name, zlib[name].name);
    t.is(ours[name].length, zlib[name].length);
    t.is(compressors()[name], ours[name]);
  }
});

test('bad input', (t) => {
  for (const [options, message] of [
    [{ maxIdle: -1 }, /"options.maxIdle" is out of range/],
    [{ maxIdle: '1' }, /"options.maxIdle" property must be of type number/],
    [{ install: 1 }, /"options.install" property must be of type boolean/],
    [{ instal: true }, /Did you mean "install"\?/],
    [null, /"options" argument must be an object/],
  ]) {
    t.throws(() => compressors(options), { message, code: 'ERR_RALLOC_INVALID_ARGUMENT' });
  }
});

test('install: node:zlib has them, for modules too; what was patched before stays', async (t) => {
  const { result, stderr } = await run('node/installed-compressors.mjs');
  t.deepEqual(result, { gzip: true, module: true, patched: true, used: 2, same: true }, stderr);
});
