'use strict';
// tier: run-time, differs by Node

// How pump() ends: as stream.promises.pipeline() does, its result or error, what is destroyed, and what is heard; but nothing is left open where it
// fails.

const test = require('ava');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const http2 = require('node:http2');
const net = require('node:net');
const { PassThrough, Readable, Writable } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const { setImmediate: turn } = require('node:timers/promises');
const zlib = require('node:zlib');
const { pump, stats } = require('../..');
const { folder } = require('../helpers/folder.js');
const { releases } = require('../helpers/given-back.js');
const { fileOf, got, listen, sinks } = require('../helpers/pumps.js');
const { until } = require('../helpers/until.js');

test.before(releases);

const bytes = Buffer.alloc(3_000_000, 'ralloc');
const large = Buffer.alloc(16 << 20, 'more than the kernel takes');

/** A socket that takes all, one that takes nothing, and one whose peer goes away. */
async function socket(t, onPeer) {
  const server = net.createServer(onPeer);
  const stream = net.connect(await listen(t, server));
  const [peer] = await once(server, 'connection');
  stream.on('error', () => {});
  peer.on('error', () => {});
  t.teardown(() => stream.destroy());
  return { stream, peer };
}

const taking = (peer) => peer.resume();
const ignoring = (peer) => peer.pause();

const missing = (t) => fs.createReadStream(`${folder(t)}/none`);
const file = (t, of = bytes) => fs.createReadStream(fileOf(t, of));
const writing = (t) => fs.createWriteStream(`${folder(t)}/sink`);

/** name → (t, run): calls run(...args) once with what pipeline() takes, and gives { promise, streams }. */
const scenarios = {
  'a file to a file': (t, run) => all(run, file(t), writing(t)),
  'a file to a socket': async (t, run) => all(run, file(t), (await socket(t, taking)).stream),
  'a list of streams': (t, run) => {
    const streams = [file(t), writing(t)];
    return { promise: run(streams), streams };
  },
  'a generator in the middle, a function at the end': (t, run) => {
    const source = file(t);
    let sum = 0;
    const promise = run(
      source,
      async function* each(chunks) {
        for await (const chunk of chunks) yield chunk.length;
      },
      async (sizes) => {
        for await (const size of sizes) sum += size;
        return sum;
      },
    );
    return { promise, streams: [source] };
  },
  'an iterable to a file': (t, run) => {
    const sink = writing(t);
    return { promise: run([Buffer.from('a'), Buffer.from('b')], sink), streams: [sink] };
  },
  'web streams': (t, run) => {
    const sink = new WritableStream();
    return { promise: run(Readable.toWeb(file(t)), new TransformStream(), sink), streams: [] };
  },
  'a file to a web stream': (t, run) => {
    const source = file(t);
    return { promise: run(source, new WritableStream()), streams: [source] };
  },
  'no streams': (_t, run) => ({ promise: run(), streams: [] }),
  'a source that is not there': (t, run) => all(run, missing(t), writing(t)),
  'a source that was destroyed': (t, run) => {
    const source = file(t);
    source.destroy();
    return all(run, source, writing(t));
  },
  'a sink that cannot be opened': (t, run) =>
    all(run, file(t), fs.createWriteStream(`${folder(t)}/none/sink`)),
  'a signal that was given before': (t, run) =>
    all(run, file(t), writing(t), { signal: AbortSignal.abort('why') }),
  'a signal in the middle': async (t, run) => {
    const { stream } = await socket(t, ignoring);
    const abort = new AbortController();
    const ran = all(run, file(t, large), stream, { signal: abort.signal });
    await until(() => stream.writableNeedDrain);
    abort.abort(new Error('why'));
    return ran;
  },
  'a source that is destroyed in the middle': async (t, run) => {
    const { stream } = await socket(t, ignoring);
    const source = file(t, large);
    const ran = all(run, source, stream);
    await until(() => stream.writableNeedDrain);
    source.destroy();
    return ran;
  },
  'a source that fails in the middle': async (t, run) => {
    const { stream } = await socket(t, ignoring);
    const source = file(t, large);
    const ran = all(run, source, stream);
    await until(() => stream.writableNeedDrain);
    source.destroy(new Error('broken'));
    return ran;
  },
  'a sink that is destroyed in the middle': async (t, run) => {
    const { stream } = await socket(t, ignoring);
    const ran = all(run, file(t, large), stream);
    await until(() => stream.writableNeedDrain);
    stream.destroy();
    return ran;
  },
  'a peer that resets': async (t, run) => {
    const { stream, peer } = await socket(t, ignoring);
    const ran = all(run, file(t, large), stream);
    await until(() => stream.writableNeedDrain);
    peer.resetAndDestroy();
    // EPIPE or ECONNRESET, as it comes.
    ran.promise = ran.promise.catch(() => {
      throw new Error('reset');
    });
    return { ...ran, like: { errored: null } };
  },
  'a source that its peer resets': async (t, run) => {
    const { stream, peer } = await socket(t, () => {});
    const ran = all(run, stream, writing(t));
    peer.write('some');
    await until(() => stream.bytesRead === 4);
    peer.resetAndDestroy();
    return ran;
  },
  'data that is not gzip': (t, run) => all(run, file(t), zlib.createGunzip(), writing(t)),
  'gzip that is cut off': (t, run) => {
    const cut = zlib.gzipSync(bytes).subarray(0, 1000);
    return all(run, fs.createReadStream(fileOf(t, cut)), zlib.createGunzip(), writing(t));
  },
  'a source that is not to end its sink': async (t, run) => {
    const { stream } = await socket(t, taking);
    return all(run, file(t), stream, { end: false });
  },
  'a stream of the user': (t, run) => all(run, file(t), new PassThrough(), writing(t)),
  'a sink of the user that fails': (t, run) =>
    all(
      run,
      file(t),
      new Writable({
        write(_chunk, _encoding, done) {
          done(new Error('full'));
        },
      }),
    ),
};

/** The same, of what pipeline() throws at, and leaves open. */
const thrown = {
  'one stream': (t, run) => all(run, file(t)),
  'what is no stream': (t, run) => all(run, file(t), {}, 5),
  'what is no signal': (t, run) => all(run, file(t), writing(t), { signal: 5 }),
  'streams, and then what is none': (t, run) =>
    all(run, file(t), zlib.createGzip(), {}, writing(t)),
};

function all(run, ...args) {
  return { promise: run(...args), streams: args.filter((one) => typeof one?.on === 'function') };
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

const result = (promise) =>
  promise.then(
    (value) => ({ value }),
    ({ name, code, message, cause }) => ({
      name,
      code,
      message: message.replace(/'.*'/, 'PATH'),
      cause,
    }),
  );

const stateOf = (stream) => ({
  destroyed: stream.destroyed,
  errored: stream.errored?.code ?? stream.errored?.message ?? null,
  closed: stream.closed,
  ended: stream.readableEnded,
  finished: stream.writableFinished,
  listeners: Object.fromEntries(
    ['data', 'end', 'drain', 'finish', 'close', 'newListener'].map((name) => [
      name,
      stream.listenerCount(name),
    ]),
  ),
  own: Object.keys(stream).includes('pipe'),
});

/** The names of some events of a stream, in their order. */
function hear(stream, log, who) {
  for (const name of ['pipe', 'unpipe', 'end', 'finish', 'error', 'close']) {
    stream.on(name, () => log.push(`${who} ${name}`));
  }
}

async function outcome(t, scenario, run) {
  const log = [];
  const closed = new Set();
  const listening = (...args) => {
    const streams = args.flat().filter((one) => typeof one?.on === 'function');
    for (const [i, stream] of streams.entries()) {
      hear(stream, log, i);
      stream.on('close', () => closed.add(stream));
    }
    return run(...args);
  };
  const ran = await scenario(t, listening);
  const ended = await result(ran.promise);
  // A socket of Windows is closed before it says so, while the system still has its last write.
  const isSettled = (one) => closed.has(one) || !(one.destroyed || one.writableFinished);
  await turn();
  await until(() => ran.streams.every(isSettled));
  await turn();
  const streams = ran.streams.map((one) => ({ ...stateOf(one), ...ran.like }));
  return { ended, log: log.sort(), streams };
}

for (const [name, scenario] of Object.entries(scenarios)) {
  test.serial(`as pipeline() does: ${name}`, async (t) => {
    const expected = await outcome(t, scenario, pipeline);
    const actual = await outcome(t, scenario, pump);
    t.deepEqual(actual.ended, expected.ended);
    t.deepEqual(actual.log, expected.log);
    t.deepEqual(actual.streams, expected.streams);
  });
}

for (const [name, scenario] of Object.entries(thrown)) {
  test.serial(`nothing is left open: ${name}`, async (t) => {
    const before = await scenario(t, pipeline);
    const expected = await result(before.promise);
    for (const one of before.streams) one.on('error', () => {}).destroy();
    const { promise, streams } = await scenario(t, pump);
    t.deepEqual(await result(promise), expected);
    t.true(streams.every((one) => one.destroyed));
    await until(() => streams.every((one) => one.closed));
  });
}

const GONE = 'ERR_STREAM_PREMATURE_CLOSE';

/** A response whose client has gone before anything was written. */
async function gone(t) {
  let response;
  const to = await listen(
    t,
    http.createServer((_req, res) => {
      response = res;
    }),
  );
  const client = net.connect(to);
  client.write(GET);
  await until(() => response !== undefined);
  client.resetAndDestroy();
  await until(() => response.closed);
  return response;
}

/** The same of HTTP/2, whose client has gone with its session. */
async function goneHttp2(t) {
  let response;
  const server = http2.createServer((_req, res) => {
    response = res;
  });
  const { port } = await listen(t, server);
  const client = http2.connect(`http://127.0.0.1:${port}`).on('error', () => {});
  client.request().on('error', () => {});
  await until(() => response !== undefined);
  client.destroy();
  await until(() => response.stream.destroyed);
  return response;
}

async function closedFile(t) {
  const sink = fs.createWriteStream(`${folder(t)}/sink`).end();
  await once(sink, 'close');
  return sink;
}

const broken = (t) => {
  const sink = writing(t);
  sink.on('error', () => {}).destroy(new Error('broken'));
  return sink;
};

const goneSinks = {
  'a response': gone,
  'a response of HTTP/2': goneHttp2,
  'a file that is closed': closedFile,
  'a file that was destroyed': (t) => writing(t).destroy(),
  'a file that is broken': broken,
};

for (const [name, sinkOf] of Object.entries(goneSinks)) {
  test.serial(`nothing is left open where the sink has gone: ${name}`, async (t) => {
    const source = file(t);
    const gzip = zlib.createGzip();
    const sink = await sinkOf(t);
    t.is((await result(pump(source, gzip, sink))).code, GONE);
    t.true(source.destroyed && gzip.destroyed);
    await until(() => source.closed);
    const other = file(t);
    t.is((await result(pump([other, sink]))).code, GONE);
    t.true(other.destroyed);
    const kept = file(t);
    t.is((await result(pump(kept, sink, { end: false }))).code, GONE);
    t.true(kept.destroyed);
    const { cause } = await result(pump(file(t), sink));
    t.is(cause?.message, name === 'a file that is broken' ? 'broken' : undefined);
  });
}

test.serial('a transform that has gone ends those before it and after it', async (t) => {
  const [source, sink] = [file(t), writing(t)];
  t.is((await result(pump(source, new PassThrough().destroy(), sink))).code, GONE);
  t.true(source.destroyed && sink.destroyed);
});

test.serial('what is not to be ended stays where a part before it has gone', async (t) => {
  const [source, sink] = [file(t), writing(t)];
  await once(sink, 'open');
  t.teardown(() => sink.destroy());
  const gzip = zlib.createGzip();
  gzip.destroy();
  t.is((await result(pump(source, gzip, sink, { end: false }))).code, GONE);
  t.true(source.destroyed);
  t.false(sink.destroyed);
});

test.serial('the answer of an upstream whose client has gone frees its socket', async (t) => {
  const upstream = await listen(
    t,
    http.createServer((_req, res) => res.write('more than this never comes')),
  );
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  for (let i = 0; i < 3; i++) {
    const [answer] = await once(http.get({ ...upstream, agent }), 'response');
    t.is((await result(pump(answer, await gone(t)))).code, GONE);
    await until(() => answer.closed);
  }
});

test.serial(
  'a socket, a web stream and a generator are ended where the client has gone',
  async (t) => {
    const { stream } = await socket(t, ignoring);
    await result(pump(stream, await gone(t)));
    await until(() => stream.closed);

    let reason;
    const web = new ReadableStream({
      cancel(error) {
        reason = error;
      },
    });
    const error = await t.throwsAsync(pump(web, await gone(t)));
    t.is(reason, error);

    let isOver = false;
    async function* lines() {
      try {
        yield 'a';
        yield 'b';
      } finally {
        isOver = true;
      }
    }
    const begun = lines();
    await begun.next();
    await result(pump(begun, await gone(t)));
    t.true(isOver);

    const transform = new TransformStream();
    await result(pump(transform, await gone(t)));
    await t.throwsAsync(transform.writable.getWriter().closed);
  },
);

test.serial('the body of a request can still be answered when its sink has gone', async (t) => {
  const sink = await closedFile(t);
  const to = await listen(
    t,
    http.createServer(async (req, res) => {
      const { code } = await result(pump(req, sink));
      res.end(`${code} ${req.destroyed}`);
    }),
  );
  const request = http.request({ ...to, method: 'POST' });
  request.end('some');
  const [answer] = await once(request, 'response');
  t.is(Buffer.concat(await answer.toArray()).toString(), `${GONE} true`);
});

test.serial('an answer of an upstream that has all come, when the client goes', async (t) => {
  const upstream = await listen(
    t,
    http.createServer((_req, res) => res.end(bytes.subarray(0, 10_000))),
  );
  let pumped;
  let response;
  const to = await listen(
    t,
    http.createServer(async (_req, res) => {
      const [source] = await once(http.get({ ...upstream, agent: false }), 'response');
      await until(() => source.complete);
      res.write(large); // more than its client reads, so that the source waits
      response = res;
      pumped = result(pump(source, res));
    }),
  );
  const client = net.connect(to);
  client.on('error', () => {});
  client.write(GET);
  await until(() => pumped !== undefined);
  client.resetAndDestroy();
  t.is((await pumped).code, 'ERR_STREAM_PREMATURE_CLOSE');
  t.true(response.destroyed);
});

test.serial('a response that is queued when its client resets', async (t) => {
  let first;
  let pumped;
  let response;
  let source;
  const to = await listen(
    t,
    http.createServer((_req, res) => {
      if (first === undefined) {
        first = res;
        return;
      }
      response = res;
      source = file(t);
      pumped = result(pump(source, res));
    }),
  );
  const client = net.connect(to);
  client.on('error', () => {});
  client.write(GET + GET);
  await until(() => response?.writableLength > 0);
  const { unwritten } = stats().bodies.left;
  client.resetAndDestroy();
  const { code } = await pumped;
  t.is(code, 'ERR_STREAM_PREMATURE_CLOSE');
  await until(() => source.destroyed);
  t.true(response.destroyed);
  t.true(stats().bodies.left.unwritten > unwritten);
});

test.serial('a small response that is queued when its client resets', async (t) => {
  const responses = [];
  const pumped = [];
  const to = await listen(
    t,
    http.createServer((_req, res) => {
      responses.push(res);
      if (responses.length === 1) return;
      pumped.push(result(pump(fs.createReadStream(fileOf(t, Buffer.from('small'))), res)));
    }),
  );
  const client = net.connect(to);
  client.on('error', () => {});
  client.write(GET + GET + GET);
  await until(
    () => responses.length === 3 && responses.every((res, i) => i === 0 || res.writableEnded),
  );
  client.resetAndDestroy();
  for (const one of pumped) t.is((await one).code, 'ERR_STREAM_PREMATURE_CLOSE');
});

test.serial(
  'what was written before a failure is not taken back, what was not is left',
  async (t) => {
    const { stream } = await socket(t, ignoring);
    const { released, left } = stats().bodies;
    const abort = new AbortController();
    const pumped = result(pump(file(t, large), stream, { signal: abort.signal }));
    await until(() => stream.writableNeedDrain);
    abort.abort();
    t.is((await pumped).name, 'AbortError');
    await turn();
    const now = stats().bodies;
    t.true(now.left.unwritten > left.unwritten);
    t.true(now.released - released + now.left.unwritten - left.unwritten <= large.length);
  },
);

test.serial('what waits in a sink that is destroyed is left', async (t) => {
  const { stream } = await socket(t, ignoring);
  const source = file(t, large);
  const pumped = result(pump(source, stream));
  await until(() => stream.writableNeedDrain && source.isPaused());
  const waiting = stream.writableLength;
  const { released, left } = stats().bodies;
  stream.destroy();
  // Whichever comes first: the write that is cancelled, or the close.
  t.true(['ERR_STREAM_PREMATURE_CLOSE', 'ECANCELED'].includes((await pumped).code));
  t.is(stats().bodies.released, released);
  t.is(stats().bodies.left.unwritten - left.unwritten, waiting);
});

test.serial('one source to two pumps', async (t) => {
  const source = file(t);
  const [one, other] = [await sinks['fs.WriteStream'](t), await sinks['net.Socket'](t)];
  await Promise.all([pump(source, one.stream), pump(source, other.stream)]);
  t.true(await got(one, bytes));
  t.true(await got(other, bytes));
});

test.serial('two sources, one after the other, to one sink', async (t) => {
  const sink = await sinks['net.Socket'](t);
  await pump(file(t), sink.stream, { end: false });
  await pump(file(t), sink.stream);
  t.true(await got(sink, Buffer.concat([bytes, bytes])));
});

test.serial('a stream that cannot be changed', async (t) => {
  const sink = await sinks['fs.WriteStream'](t);
  const source = file(t);
  source.pipe = Readable.prototype.pipe;
  await pump(source, sink.stream);
  t.true(Object.hasOwn(source, 'pipe'));
  t.true(await got(sink, bytes));
});
