'use strict';

// What it costs a server to move bytes that it does not look at: files to responses, and the two directions of a proxy, by
// stream.promises.pipeline() and by pump().
//
// Caveats: the client and the server behind the proxy are other processes, over loopback. The file is in the page cache. The kernel's
// copies are in all figures, and most of those for the proxies.

const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { pipeline } = require('node:stream/promises');
const { pump } = require('ralloc');
const { compareServers } = require('./servers.js');

const MiB = 1024 * 1024;
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

const makers = { files, 'TCP proxy': tcpProxy, 'HTTP proxy': httpProxy };

const kinds = Object.fromEntries(
  Object.entries(makers).map(([kind, create]) => [
    kind,
    Object.fromEntries(
      Object.entries(movers).map(([name, move]) => [name, (port) => create(move, port)]),
    ),
  ]),
);

/** An upload of `size` bytes, or without it a download of a MiB. */
const measure = (kind, request) => () =>
  compareServers({
    file: 'pump.js',
    kind,
    names: Object.keys(movers),
    request,
    behind: kind === 'files' ? undefined : 'origin.js',
  });

const up = { size: MiB };

const scenarios = {
  'files, 1 MiB': measure('files'),
  'TCP proxy, 1 MiB down': measure('TCP proxy'),
  'TCP proxy, 1 MiB up': measure('TCP proxy', up),
  'HTTP proxy, 1 MiB down': measure('HTTP proxy'),
  'HTTP proxy, 1 MiB up': measure('HTTP proxy', up),
};

module.exports = {
  notMeasured: 'latency; TLS; slow clients; small files, and answers of a few bytes',
  kinds,
  scenarios,
};
