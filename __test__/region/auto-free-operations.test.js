'use strict';
// tier: run-time

// Operations of Node that drop the Buffer which they were given and go on with a view of their own: with `autoFree` V8 collects it
// then, in the midst of the operation, and others take all bytes that there are and fill them. Nobody asked for `guard`.

const test = require('ava');
const dgram = require('node:dgram');
const { once } = require('node:events');
const fs = require('node:fs');
const { Readable } = require('node:stream');
const { setImmediate: turn } = require('node:timers/promises');
const { Region } = require('../..');
const { stamp } = require('../helpers/bytes.js');
const { Fifo } = require('../helpers/fifo.js');
const { gc, turns, untilCollected } = require('../helpers/until.js');

const SIZE = 200_000; // more than a pipe takes

/** Writes the Buffer of make() to a pipe that nobody reads yet: of this length. */
const toPipe = (length, write) => async (make) => {
  const fifo = new Fifo();
  const handle = await fs.promises.open(fifo.path, 'r+');
  const done = write(make, fifo, handle);
  return async () => {
    const bytes = await fifo.readAll(length);
    await done;
    await handle.close();
    fifo.close();
    return bytes;
  };
};

/** A socket that learns the address of 'slow' when it is wanted to. */
async function sendSlowly(send) {
  let resolve;
  const lookup = (name, _family, callback) => {
    resolve = () => callback(null, '127.0.0.1', 4);
    if (name !== 'slow') process.nextTick(resolve);
  };
  const from = dgram.createSocket({ type: 'udp4', lookup });
  from.bind(0);
  const to = dgram.createSocket('udp4').bind(0, '127.0.0.1');
  await Promise.all([once(from, 'listening'), once(to, 'listening')]);
  send(from, to.address().port);
  return async () => {
    const received = once(to, 'message');
    resolve();
    const [message] = await received;
    from.close();
    to.close();
    return message;
  };
}

const unshifting = (put) => async (make) => {
  const readable = new Readable({ read() {} });
  put(readable, make);
  readable.push(null);
  return async () => Buffer.concat(await readable.toArray());
};

/** Each starts an operation on the Buffer that it makes, and gives what lets it go on, and tells its bytes. */
const operations = {
  'fs.promises.writeFile': toPipe(SIZE, (make, { path }) =>
    fs.promises.writeFile(path, make(SIZE)),
  ),
  'fs.promises.appendFile': toPipe(SIZE, (make, { path }) =>
    fs.promises.appendFile(path, make(SIZE)),
  ),
  'fs.promises.writeFile of a view': toPipe(SIZE - 10, (make, { path }) =>
    fs.promises.writeFile(path, make(SIZE).subarray(10)),
  ),
  'FileHandle.writeFile': toPipe(SIZE, (make, _fifo, handle) => handle.writeFile(make(SIZE))),
  'fs.writeFile': toPipe(
    SIZE,
    (make, { path }) => new Promise((resolve) => fs.writeFile(path, make(SIZE), resolve)),
  ),
  'dgram.send with an offset': (make) =>
    sendSlowly((socket, port) => socket.send(make(1000), 10, 900, port, 'slow')),
  'dgram.send of a list': (make) =>
    sendSlowly((socket, port) => socket.send([make(1000)], port, 'slow')),
  'readable.unshift': unshifting((readable, make) => readable.unshift(make(SIZE))),
  'readable.unshift of a view': unshifting((readable, make) =>
    readable.unshift(make(SIZE).subarray(9)),
  ),
  'readable.push and read(n)': unshifting((readable, make) => {
    readable.push(make(SIZE));
    readable.read(100);
  }),
};

for (const [name, begin] of Object.entries(operations)) {
  test.serial(
    `what ${name} was given keeps its bytes past the collection of its Buffer`,
    async (t) => {
      const region = new Region({ autoFree: true, maxBytes: 2 ** 20 });
      const finish = await begin((size) => stamp(region.alloc(size), 3));
      for (let i = 0; i < 5; i++) {
        await turn();
        gc();
        await turns(10); // Node 20 hears of nobody while collections follow each other at once
      }
      const others = [];
      for (let one = region.tryAlloc(1000, 255); one !== null; one = region.tryAlloc(1000, 255))
        others.push(one);
      const seen = await finish();
      const wanted = stamp(Buffer.alloc(seen.length > 1000 ? SIZE : 1000), 3);
      t.true(seen.length > 0 && wanted.includes(seen), 'what the operation saw');
      t.true(others.every((one) => one.every((byte) => byte === 255)));
      others.length = 0;
      await untilCollected(() => region.stats().used === 0);
      t.like(region.stats(), { held: 0, inFlight: 0 });
      region.close();
    },
  );
}

test.serial('with guard: false the guard is left alone', (t) => {
  const region = new Region({ autoFree: true, guard: false });
  t.is(region.alloc(10).buffer[require('../../lib/base/protocol.js').kHolder], undefined);
  region.close({ force: true });
});
