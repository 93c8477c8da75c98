'use strict';

// A registry of npm on loopback, with one package: a Node.js, which is the one that runs the test.

const { createHash } = require('node:crypto');
const http = require('node:http');
const { once } = require('node:events');
const zlib = require('node:zlib');

/** A header of ustar and the file behind it. */
function entry(name, content, mode) {
  const header = Buffer.alloc(512);
  const put = (text, at) => header.write(text, at, 'latin1');
  put(name, 0);
  put(`${mode.toString(8).padStart(7, '0')}\0`, 100);
  put('0000000\0', 108);
  put('0000000\0', 116);
  put(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  put('00000000000\0', 136);
  put('        ', 148);
  put('0', 156);
  put('ustar\x0000', 257);
  const checksum = header.reduce((total, byte) => total + byte, 0);
  put(`${checksum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, content, Buffer.alloc(-content.length & 511)]);
}

const PROGRAM = process.platform === 'win32' ? 'node.exe' : 'node'; // which Windows does not start: it is a script

function tarball(name, version) {
  const program = `#!/bin/sh\nexec '${process.execPath}' "$@"\n`;
  return zlib.gzipSync(
    Buffer.concat([
      entry('package/package.json', Buffer.from(JSON.stringify({ name, version })), 0o644),
      entry(`package/bin/${PROGRAM}`, Buffer.from(program), 0o755),
      Buffer.alloc(1024),
    ]),
  );
}

/**
 * Starts it: { url, requests, close() }. `damage` changes the tarball after its integrity was taken; a `silent`
 * one never sends it.
 */
async function startRegistry({ name, version, damage = (bytes) => bytes, silent = false }) {
  const bytes = tarball(name, version);
  const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
  const requests = [];
  const server = http.createServer((req, res) => {
    requests.push(req.url);
    if (req.url.endsWith('.tgz')) return silent || res.end(damage(bytes));
    const dist = { tarball: `${url}/${name}/-/${name}-${version}.tgz`, integrity };
    const versions = { [version]: { name, version, dist } };
    res.setHeader('content-type', 'application/json');
    res.end(JSON.stringify({ name, 'dist-tags': { latest: version }, versions }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}`;
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url, requests, close };
}

module.exports = { startRegistry };
