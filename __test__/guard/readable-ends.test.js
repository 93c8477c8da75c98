'use strict';
// tier: run-time, differs

// Streams that are never read to their end, and chunks that are none.

require('../../lib/guard/index.js'); // before anyone takes functions out of Node's modules
const { once } = require('node:events');
const { Duplex, Readable, Transform, Writable } = require('node:stream');
const { setImmediate: turn } = require('node:timers/promises');
const test = require('ava');
const { Outliving } = require('../helpers/outlive.js');
const { untilCollected } = require('../helpers/until.js');

const readable = (options) => new Readable({ read() {}, ...options });

for (const [name, options] of Object.entries({
  'a Readable': {},
  'a Readable that emits no close': { emitClose: false },
  'a Readable of objects': { objectMode: true },
})) {
  test(`${name} that is destroyed lets go`, (t) => {
    const o = new Outliving({ guard: true });
    const source = readable(options);
    source.push(o.make('a'));
    o.reset();
    t.true(o.held > 0);
    source.destroy();
    t.is(o.held, 0);
  });
}

test('a Duplex that is destroyed with an error lets go', async (t) => {
  const o = new Outliving({ guard: true });
  const duplex = new Duplex({ read() {}, write() {} });
  duplex.push(o.make('a'));
  o.reset();
  t.true(o.held > 0);
  duplex.destroy(new Error('gone'));
  t.is(o.held, 0);
  t.is((await once(duplex, 'error').catch((error) => [error]))[0].message, 'gone');
});

test('a stream that nobody has any more lets go', async (t) => {
  const o = new Outliving({ guard: true });
  (() => readable().push(o.make('a')))();
  o.reset();
  t.true(o.held > 0);
  await untilCollected(() => o.held === 0);
  t.is(o.held, 0);
});

test('a listener that throws, in the midst of a read', async (t) => {
  const o = new Outliving({ guard: true });
  const source = readable();
  source.on('data', () => {
    throw new Error('of the listener');
  });
  source.pause();
  source.push(o.make('a'));
  o.reset();
  t.throws(() => source.read(), { message: 'of the listener' });
  await turn();
  t.is(o.held, 0);
});

for (const put of ['push', 'unshift']) {
  test(`${put}() of a Buffer that is dead destroys the stream, as that of a chunk that is none`, async (t) => {
    const o = new Outliving({ guard: true });
    const dead = o.make('a');
    o.reset();
    const source = readable();
    const failed = once(source, 'error');
    t.false(source[put](dead));
    const [error] = await failed;
    t.is(error.code, 'ERR_RALLOC_DEAD_BUFFER');

    const other = readable();
    t.false(other[put](5));
    t.is((await once(other, 'error'))[0].code, 'ERR_INVALID_ARG_TYPE');
  });

  test(`${put}() after the end is Node's error, and holds nothing`, async (t) => {
    const o = new Outliving({ guard: true });
    const source = readable();
    source.push(null);
    source.resume();
    await once(source, 'close').catch(() => {});
    source.on('error', () => {});
    source[put](o.make('a'));
    o.reset();
    t.is(o.held, 0);
  });
}

test('a dead Buffer in a pipe ends the pipe with an error', async (t) => {
  const o = new Outliving({ guard: true });
  const late = new Transform({
    transform(chunk, _encoding, done) {
      o.reset();
      done(null, this.kept ?? chunk);
      this.kept = chunk;
    },
  });
  const dead = o.make('a');
  late.kept = dead;
  o.reset();
  late.pipe(new Writable({ write: (_chunk, _encoding, done) => done() }));
  const failed = once(late, 'error');
  late.write('x');
  t.is((await failed)[0].code, 'ERR_RALLOC_DEAD_BUFFER');
});
