'use strict';
// tier: run-time, differs

// pump(): every source with every sink, over real files, sockets and processes.

const test = require('ava');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const { join } = require('node:path');
const zlib = require('node:zlib');
const { sameBytes } = require('../helpers/bytes.js');
const { pump, stats } = require('../..');
const { nodeMajor } = require('../helpers/backend.js');
const { releases } = require('../helpers/given-back.js');
const { folder } = require('../helpers/folder.js');
const { fileOf, gather, got, listen, sinks, sources } = require('../helpers/pumps.js');
const { until } = require('../helpers/until.js');

const SIZE = 1_500_001;
const bytes = crypto.randomBytes(SIZE);

test.before(releases);

/** What the counters went up by while `work` ran. */
async function countsOf(work) {
  const before = stats().bodies;
  await work();
  const { released, left, links } = stats().bodies;
  const less = (now, then) =>
    Object.fromEntries(Object.keys(now).map((name) => [name, now[name] - then[name]]));
  return {
    released: released - before.released,
    left: less(left, before.left),
    links: less(links, before.links),
  };
}

const ownsIts = (source) =>
  !(nodeMajor >= 26 && ['net.Socket', 'tls.TLSSocket', 'the output of a child'].includes(source));

for (const [source, read] of Object.entries(sources)) {
  for (const [sink, make] of Object.entries(sinks)) {
    test.serial(`${source} to ${sink}: every byte comes, and goes back`, async (t) => {
      const { released, left, links } = await countsOf(async () => {
        const target = await make(t);
        t.is(await read(t, bytes, (stream) => pump(stream, target.stream)), undefined);
        t.true(await got(target, bytes));
      });
      t.deepEqual(links, { released: 1, plain: 0 });
      t.deepEqual(
        { ...left, shared: 0 },
        { ...left, seen: 0, foreign: 0, unwritten: 0, shared: 0 },
      );
      // Of a file also what was read into at its end.
      const least = source === 'fs.ReadStream' ? SIZE + 65_536 : SIZE;
      if (ownsIts(source)) t.true(released >= least, `${released}`);
      else t.true(released + left.shared >= SIZE, `${released} ${left.shared}`);
    });
  }
}

test.serial(
  'a reader that does not read gets every byte later, and little waits for it',
  async (t) => {
    const large = crypto.randomBytes(16 << 20);
    for (const name of [
      'net.Socket',
      'tls.TLSSocket',
      'http.ServerResponse',
      'http.ClientRequest',
    ]) {
      let read;
      const after = new Promise((resolve) => {
        read = resolve;
      });
      const sink = await sinks[name](t, { after });
      const source = fs.createReadStream(fileOf(t, large));
      const pumped = pump(source, sink.stream);
      await until(() => sink.stream.writableNeedDrain);
      await until(() => source.readableFlowing === false);
      const { writableLength } = sink.stream;
      t.true(writableLength > 0 && writableLength < 3 * 65_536, `${name} ${writableLength}`);
      t.true(source.readableLength <= 2 * source.readableHighWaterMark);
      read();
      await pumped;
      t.true(await got(sink, large), name);
    }
  },
);

test.serial('through transforms: each link decides for itself', async (t) => {
  const file = join(folder(t), 'sink');
  const { released, links } = await countsOf(() =>
    pump(
      fs.createReadStream(fileOf(t, bytes)),
      zlib.createGzip({ level: 1 }),
      zlib.createGunzip(),
      fs.createWriteStream(file),
    ),
  );
  sameBytes(t, fs.readFileSync(file), bytes);
  t.deepEqual(links, { released: 1, plain: 2 });
  t.true(released >= SIZE);
});

test.serial('a request that waited in its buffer: what was seen to come goes back', async (t) => {
  const sink = await sinks['fs.WriteStream'](t);
  const { released, left } = await countsOf(() =>
    sources['the body of a request'](t, bytes, async (req) => {
      while (req.readableLength === 0) await new Promise((resolve) => setImmediate(resolve));
      await pump(req, sink.stream);
    }),
  );
  t.true(await got(sink, bytes));
  t.is(released + left.foreign, SIZE);
  t.true(released > 0);
});

test.serial('a part of a file, an empty file, and a file to a HEAD', async (t) => {
  for (const [options, expected] of [
    [{ start: 1000, end: 200_000 }, bytes.subarray(1000, 200_001)],
    [{ start: SIZE }, Buffer.alloc(0)],
    [{ highWaterMark: 1 << 20 }, bytes],
    [{ highWaterMark: 7777 }, bytes],
  ]) {
    const sink = await sinks['fs.WriteStream'](t);
    await pump(fs.createReadStream(fileOf(t, bytes), options), sink.stream);
    t.true(await got(sink, expected), JSON.stringify(options));
  }
  let settled;
  const to = await listen(
    t,
    http.createServer((_req, res) => {
      res.setHeader('Content-Length', SIZE);
      settled = pump(fs.createReadStream(fileOf(t, bytes)), res);
    }),
  );
  const { released } = await countsOf(async () => {
    const response = await new Promise((resolve) => {
      http.request({ ...to, method: 'HEAD' }, resolve).end();
    });
    t.is((await gather(response)).length, 0);
    await settled;
  });
  t.true(released >= SIZE);
});

test.serial('both ways at once, over one pair of sockets', async (t) => {
  const net = require('node:net');
  const half = { allowHalfOpen: true };
  const to = await listen(
    t,
    net.createServer(half, (socket) => pump(socket, socket).catch(() => {})),
  );
  const proxied = [];
  const proxy = await listen(
    t,
    net.createServer(half, (socket) => {
      const upstream = net.connect({ ...to, ...half });
      proxied.push(pump(socket, upstream), pump(upstream, socket));
    }),
  );
  const { links } = await countsOf(async () => {
    const client = net.connect({ ...proxy, ...half });
    const echoed = gather(client);
    client.end(bytes);
    sameBytes(t, await echoed, bytes);
    t.deepEqual(await Promise.all(proxied), [undefined, undefined]);
  });
  t.deepEqual(links, { released: 3, plain: 0 });
});
