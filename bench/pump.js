'use strict';

// What it costs a server to move bytes that it does not look at: files to responses, and the two directions of a proxy, by
// stream.promises.pipeline() and by pump().
//
// Caveats: both rivals are servers of one process, so its memory and its collections are those of both. Of them the figures hold the CPU
// alone, V8's threads with it; the client and the server behind the proxy are other processes, over loopback. The file is in the page cache. The
// kernel's copies are in all figures, and most of those for the proxies.

const { fork } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { pipeline } = require('node:stream/promises');
const { pump } = require('ralloc');
const { compare } = require('./harness.js');

const MiB = 1024 * 1024;
const LONGER = { slices: 32, warmUpMs: 500 };
const HOST = '127.0.0.1';

const movers = { 'stream.pipeline()': pipeline, 'pump()': pump };

/** Fails loudly, for a rival that loses bytes would be the faster. */
const fail = (error) => {
  if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE' && error.code !== 'ECONNRESET') throw error;
};

function makeFile() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-bench-'));
  const file = path.join(folder, 'file');
  fs.writeFileSync(file, Buffer.alloc(MiB, 1));
  process.once('exit', () => fs.rmSync(folder, { recursive: true }));
  return file;
}

function files(move) {
  const file = makeFile();
  return http.createServer((_req, res) => {
    res.setHeader('Content-Length', MiB);
    move(fs.createReadStream(file), res).catch(fail);
  });
}

const tcpProxy = (move, port) =>
  net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const upstream = net.connect({ port, host: HOST, allowHalfOpen: true, noDelay: true });
    move(socket, upstream).catch(fail);
    move(upstream, socket).catch(fail);
  });

function httpProxy(move, port) {
  const agent = new http.Agent({ keepAlive: true });
  return http.createServer((req, res) => {
    const { method, headers } = req;
    const upstream = http.request({ port, host: HOST, agent, method, headers }, (response) => {
      res.writeHead(response.statusCode, response.headers);
      move(response, res).catch(fail);
    });
    move(req, upstream).catch(fail);
  });
}

const kinds = { files, 'TCP proxy': tcpProxy, 'HTTP proxy': httpProxy };

/** An upload of `size` bytes, or without it a download of a MiB. */
async function measure(create, size) {
  const fixture = (name) => fork(path.join(__dirname, 'fixtures', name));
  const [client, origin] = [fixture('client.js'), fixture('origin.js')];
  const [behind] = await once(origin, 'message');
  const runs = {};
  for (const [name, move] of Object.entries(movers)) {
    const server = create(move, behind);
    server.keepAliveTimeout = 0;
    server.listen(0, HOST);
    await once(server, 'listening');
    const { port } = server.address();
    runs[name] = async (requests) => {
      client.send({ port, requests, size });
      await once(client, 'message');
    };
  }
  try {
    return await compare(runs, {}, LONGER);
  } finally {
    client.disconnect();
    origin.disconnect();
  }
}

const scenarios = {
  'files, 1 MiB': () => measure(files),
  'TCP proxy, 1 MiB down': () => measure(tcpProxy),
  'TCP proxy, 1 MiB up': () => measure(tcpProxy, MiB),
  'HTTP proxy, 1 MiB down': () => measure(httpProxy),
  'HTTP proxy, 1 MiB up': () => measure(httpProxy, MiB),
};

module.exports = {
  notMeasured: 'memory and latency; TLS; slow clients; small files, and answers of a few bytes',
  kinds,
  movers,
  scenarios,
};
