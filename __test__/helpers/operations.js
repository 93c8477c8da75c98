'use strict';

// Operations that keep a pointer into a Buffer while they are in flight. `begin(buffer)` starts one and
// returns { done, finish }: the operation's promise, and a function that lets it go on and resolves to the
// bytes that it saw (for one that writes into the Buffer: to nothing).

const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const { promisify } = require('node:util');
const zlib = require('node:zlib');
const { Fifo } = require('./fifo.js');
const { newFolder, removeFolder, socketPath } = require('./folder.js');

const read = promisify(fs.read);
const write = promisify(fs.write);
const THREADS = Number(process.env.UV_THREADPOOL_SIZE ?? 4);

/** fs.write to a pipe that nobody reads yet: the kernel takes 64 KiB at first. */
function writeFile(buffer) {
  const { length } = buffer;
  const fifo = new Fifo();
  const done = write(fifo.fd, buffer, 0, length);
  const finish = async () => {
    const bytes = await fifo.readAll(length);
    await done;
    fifo.close();
    return bytes;
  };
  return { done, finish };
}

/** fs.read from a pipe that nothing was written to yet. */
function readFile(buffer) {
  const fifo = new Fifo();
  const done = read(fifo.fd, buffer, 0, 4096, null);
  const finish = async () => {
    fifo.write(Buffer.alloc(4096, 'r'));
    await done;
    fifo.close();
  };
  return { done, finish };
}

/** zlib behind as many blocked reads as there are threads. */
function deflate(buffer) {
  const fifo = new Fifo();
  const blockers = Array.from({ length: THREADS }, () =>
    read(fifo.fd, Buffer.alloc(1), 0, 1, null),
  );
  const done = promisify(zlib.deflate)(buffer);
  const finish = async () => {
    fifo.write(Buffer.alloc(THREADS));
    await Promise.all(blockers);
    const deflated = await done;
    fifo.close();
    return zlib.inflateSync(deflated);
  };
  return { done, finish };
}

/** A write to another socket, whose peer does not read yet: the kernel takes 200 KiB or so at first. */
async function writeSocket(buffer) {
  const { length } = buffer;
  const dir = newFolder();
  const server = net.createServer({ pauseOnConnect: true }).listen(socketPath(dir));
  const accepted = once(server, 'connection');
  const socket = net.connect(socketPath(dir));
  const [[peer]] = await Promise.all([accepted, once(socket, 'connect')]);
  const done = new Promise((resolve) => socket.write(buffer, resolve));
  const finish = async () => {
    const parts = [];
    let left = length;
    peer.on('data', (part) => {
      left -= parts[parts.push(part) - 1].length;
      if (left <= 0) socket.end();
    });
    const ended = once(peer, 'end');
    peer.resume();
    await ended;
    socket.destroy();
    peer.destroy();
    server.close();
    removeFolder(dir);
    return Buffer.concat(parts);
  };
  return { done, finish };
}

module.exports = {
  'fs.write': writeFile,
  'fs.read': readFile,
  'zlib.deflate': deflate,
  'a write to another socket': writeSocket,
};
