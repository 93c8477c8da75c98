'use strict';

// How a pipeline ends, case by case.

const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const { PassThrough, Readable, Writable } = require('node:stream');
const zlib = require('node:zlib');
const { folder } = require('./folder.js');
const { fileOf, listen } = require('./pumps.js');
const { until } = require('./until.js');

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

module.exports = { bytes, file, ignoring, large, scenarios, socket, thrown, writing };
