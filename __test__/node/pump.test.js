'use strict';
// tier: run-time, differs

// pump(): every source with every sink, over real files, sockets and processes.

const test = require('ava');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const { join } = require('node:path');
const zlib = require('node:zlib');
const { PassThrough, Readable, Transform } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const { sameBytes } = require('../helpers/bytes.js');
const { pump, stats } = require('../..');
const { isNodeSince, keepsParserFunctions } = require('../helpers/backend.js');
const { releases } = require('../helpers/given-back.js');
const { folder } = require('../helpers/folder.js');
const { fileOf, gather, got, listen, sinks, sources } = require('../helpers/pumps.js');
const { until } = require('../helpers/until.js');
const { Keeper, bytes: bytesOfKnown, releasedBy, stepwise, tap } = require('../helpers/keeper.js');

const SIZE = 400_001;
const bytes = crypto.randomBytes(SIZE);

test.before(releases);

/** What the counters went up by while `work` ran. */
async function countsOf(work) {
  const before = stats().bodies;
  await work();
  const { released, left, links } = stats().bodies;
  const less = (now, then) =>
    Object.fromEntries(Object.keys(now).map((name) => [name, now[name] - then[name]]));
  const { why, ...counted } = links;
  return {
    released: released - before.released,
    left: less(left, before.left),
    links: less(counted, before.links),
    why: Object.entries(why).flatMap(([name, count]) =>
      count > before.links.why[name] ? name : [],
    ),
  };
}

const ownsIts = (source) =>
  !(
    isNodeSince(24, 22) && ['net.Socket', 'tls.TLSSocket', 'the output of a child'].includes(source)
  );

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
    const file = fileOf(t, large);
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
      const source = fs.createReadStream(file);
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
  const { released, links, why } = await countsOf(() =>
    pump(
      fs.createReadStream(fileOf(t, bytes)),
      zlib.createGzip({ level: 1 }),
      zlib.createGunzip(),
      fs.createWriteStream(file),
    ),
  );
  sameBytes(t, fs.readFileSync(file), bytes);
  t.deepEqual(links, { released: 1, plain: 2 });
  t.deepEqual(why, ['source']);
  t.true(released >= SIZE);
});

for (const [what, due, change] of [
  [
    'a replaced method of the sink',
    'patched',
    (_source, sink) => {
      const { write } = sink;
      sink.write = (...args) => write.apply(sink, args);
    },
  ],
  ['another reader', 'readers', (source) => source.on('data', () => {})],
  ['a transform of one’s own', 'sink', () => {}],
]) {
  test.serial(`stats() says why a pipe is plain: ${what}`, async (t) => {
    const file = join(folder(t), 'sink');
    const source = fs.createReadStream(fileOf(t, bytes));
    const sink = due === 'sink' ? new PassThrough() : fs.createWriteStream(file);
    const read = due === 'sink' ? sink.toArray() : undefined;
    change(source, sink);
    const { links, why } = await countsOf(() => pump(source, sink));
    t.deepEqual(links, { released: 0, plain: 1 });
    t.deepEqual(why, [due]);
    sameBytes(t, read ? Buffer.concat(await read) : fs.readFileSync(file), bytes);
  });
}

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
  if (!keepsParserFunctions) t.true(released > 0); // otherwise only if its parser was used before
});

test.serial('a message that announces 64 KiB is piped by Node, a larger one is not', async (t) => {
  const KiB = 1024;
  for (const [size, links] of [
    [1, { released: 0, plain: 1 }],
    [64 * KiB, { released: 0, plain: 1 }],
    [64 * KiB + 1, { released: 1, plain: 0 }],
  ]) {
    const sink = await sinks['fs.WriteStream'](t);
    const counted = await countsOf(async () => {
      const to = await listen(
        t,
        http.createServer((_req, res) => {
          res.setHeader('Content-Length', size);
          res.end(bytes.subarray(0, size));
        }),
      );
      await new Promise((resolve, reject) => {
        http.get(to, (response) => pump(response, sink.stream).then(resolve, reject));
      });
    });
    t.true(await got(sink, bytes.subarray(0, size)));
    t.deepEqual(counted.links, links, `${size} bytes`);
    t.deepEqual(counted.why, links.plain === 1 ? ['small'] : []);
    t.is(counted.released > 0, links.released > 0);
  }
});

test.serial('a sink that stays open keeps no listener that pipeline() does not', async (t) => {
  const to = await listen(
    t,
    http.createServer((_req, res) => res.end('small')),
  );
  const moved = async (move) => {
    const sink = await sinks['fs.WriteStream'](t);
    const { stream } = sink;
    for (let i = 0; i < 3; i++) {
      const response = await new Promise((resolve) => http.get(to, resolve));
      await move(response, stream, { end: false });
    }
    const names = ['close', 'end', 'error', 'finish', 'drain'];
    const counted = names.map((name) => stream.listenerCount(name));
    stream.end();
    t.true(await got(sink, Buffer.from('small'.repeat(3))));
    return counted;
  };
  t.deepEqual(await moved(pump), await moved(pipeline));
});

test.serial('what comes in 32 small pieces is watched no more', async (t) => {
  const PIECES = 40;
  const file = join(folder(t), 'small');
  fs.writeFileSync(file, bytes.subarray(0, PIECES * 1000));
  const sink = await sinks['fs.WriteStream'](t);
  const { released, left } = await countsOf(() =>
    pump(fs.createReadStream(file, { highWaterMark: 1000 }), sink.stream),
  );
  t.true(await got(sink, bytes.subarray(0, PIECES * 1000)));
  t.is(left.foreign, (PIECES - 31) * 1000);
  t.true(released >= 31 * 1000);
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

// Which chunks pump() takes for Node's own, and which sinks for done with them: classes and functions of the user, Buffers that were given
// to a stream.

const passing = {
  'a PassThrough': () => new PassThrough(),
  'a Transform of the user': () =>
    new Transform({
      transform(chunk, _encoding, done) {
        done(null, chunk);
      },
    }),
  'a generator': () =>
    async function* each(source) {
      for await (const chunk of source) yield chunk;
    },
};

for (const [name, make] of Object.entries(passing)) {
  test.serial(`${name} between them may keep its chunks`, async (t) => {
    const sink = await sinks['fs.WriteStream'](t);
    const source = fs.createReadStream(fileOf(t, bytesOfKnown));
    t.is(await releasedBy(() => pump(source, make(), sink.stream)), 0);
    t.true(await got(sink, bytesOfKnown));
  });
}

test.serial('a sink of a class of the user, and one with functions of his own', async (t) => {
  const keeper = new Keeper();
  class Mine extends fs.WriteStream {
    _write(chunk, encoding, done) {
      keeper.keep(chunk);
      super._write(chunk, encoding, done);
    }
  }
  class Plain extends fs.WriteStream {}
  const file = `${fileOf(t, bytesOfKnown)}.copy`;
  const write = (...args) => {
    keeper.keep(args[1]);
    return fs.write(...args);
  };
  for (const [sink, expected] of [
    [new Mine(file), 0],
    [fs.createWriteStream(file, { fs: { ...fs, write } }), 0],
    [new Plain(file), bytesOfKnown.length],
  ]) {
    const source = fs.createReadStream(fileOf(t, bytesOfKnown));
    const released = await releasedBy(() => pump(source, sink));
    t.is(released > 0, expected > 0);
    sameBytes(t, fs.readFileSync(file), bytesOfKnown);
  }
  keeper.check(t);
});

test.serial(
  'a file that is read or written by patched functions, or into other memory',
  async (t) => {
    const keeper = new Keeper();
    for (const [object, name] of [
      [fs, 'read'],
      [Buffer, 'allocUnsafeSlow'],
      [fs, 'write'],
      [Readable.prototype, 'push'],
    ]) {
      const undo = tap(object, name, keeper);
      try {
        const sink = await sinks['fs.WriteStream'](t);
        const source = fs.createReadStream(fileOf(t, bytesOfKnown));
        const { plain } = stats().bodies.links;
        t.is(await releasedBy(() => pump(source, sink.stream)), 0, name);
        t.is(stats().bodies.links.plain, plain + 1);
        t.true(await got(sink, bytesOfKnown));
      } finally {
        undo();
      }
    }
    keeper.check(t, false);
  },
);

test.serial('a source behind a Proxy that binds its methods', async (t) => {
  const bound = (stream) =>
    new Proxy(stream, {
      get(target, key) {
        const value = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  const source = fs.createReadStream(fileOf(t, bytesOfKnown));
  const sink = await sinks['fs.WriteStream'](t);
  t.is(await releasedBy(() => pump(bound(source), sink.stream)), 0);
  t.true(await got(sink, bytesOfKnown));
  t.false(Object.hasOwn(source, 'pipe'));
});

test.serial('a file with functions of the user', async (t) => {
  const keeper = new Keeper();
  const read = (...args) => {
    keeper.keep(args[1]);
    return fs.read(...args);
  };
  const sink = await sinks['fs.WriteStream'](t);
  const source = fs.createReadStream(fileOf(t, bytesOfKnown), { fs: { ...fs, read } });
  t.is(await releasedBy(() => pump(source, sink.stream)), 0);
  t.true(await got(sink, bytesOfKnown));
  keeper.check(t, false);
});

test.serial('a stream of a FileHandle is left', async (t) => {
  const handle = await fs.promises.open(fileOf(t, bytesOfKnown));
  const sink = await sinks['net.Socket'](t);
  t.is(await releasedBy(() => pump(handle.createReadStream(), sink.stream)), 0);
  t.true(await got(sink, bytesOfKnown));
});

for (const kind of ['net.Socket', 'fs.ReadStream']) {
  for (const give of ['unshift', 'push', 'emit']) {
    test.serial(`a ${kind} that was given a cached Buffer by ${give}()`, async (t) => {
      const cached = Buffer.from(new ArrayBuffer(1000)).fill(99);
      const { stream: socket, end } = await stepwise(t);
      const source = kind === 'net.Socket' ? socket : fs.createReadStream(fileOf(t, bytesOfKnown));
      const sink = await sinks['fs.WriteStream'](t);
      const given = () => (give === 'emit' ? source.emit('data', cached) : source[give](cached));
      if (give !== 'emit') given();
      const released = await releasedBy(async () => {
        const pumped = pump(source, sink.stream);
        given();
        end();
        await pumped;
      });
      t.true(cached.every((byte) => byte === 99) && cached.length === 1000);
      const extra = give === 'emit' ? 1 : 2;
      const all = await sink.received;
      t.is(all.length, bytesOfKnown.length + extra * 1000);
      sameBytes(t, all.subarray(extra * 1000), bytesOfKnown);
      t.true(released > 0, 'what Node gave goes back all the same');
    });
  }
}

test.serial('an encoding, set before or meanwhile', async (t) => {
  const text = Buffer.alloc(1_000_000, 'ralloc ');
  for (const early of [true, false]) {
    const source = fs.createReadStream(fileOf(t, text));
    const sink = await sinks['fs.WriteStream'](t);
    if (early) source.setEncoding('utf8');
    const pumped = pump(source, sink.stream);
    if (!early) source.setEncoding('utf8');
    await pumped;
    t.true(await got(sink, text));
  }
});
