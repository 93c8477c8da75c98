'use strict';

// The receiver of messages.js. Its socket is descriptor 4, the slab's memory descriptor 5. Answers
// each message with its CRC-32, or takes it as it is, and answers with the number of its bytes.

const net = require('node:net');
const { crc32 } = require('node:zlib');
const { Slab } = require('../../..');

const { way, size, works } = JSON.parse(process.argv[2]);

/** The checksum of a message after these bytes of it, or the number of bytes so far. */
const take = (bytes, before) => (works ? crc32(bytes, before) : before + bytes.length);

function receiveTokens(socket) {
  const slab = Slab.open(5, { safety: 'recycle' });
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    const all = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const whole = all.length & ~7;
    socket.cork();
    for (let at = 0; at < whole; at += 8) {
      const message = slab.receive(all.readDoubleLE(at));
      const answer = take(message, 0);
      slab.free(message);
      reply(socket, answer);
    }
    socket.uncork();
    rest = all.subarray(whole);
  });
}

function receiveBytes(socket) {
  let place = 0;
  let sum = 0;
  socket.on('data', (chunk) => {
    socket.cork();
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + size - place);
      sum = take(part, sum);
      place += part.length;
      at += part.length;
      if (place < size) continue;
      reply(socket, sum);
      place = 0;
      sum = 0;
    }
    socket.uncork();
  });
}

function reply(socket, answer) {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32LE(answer);
  socket.write(bytes);
}

function cpuMillis() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const socket = new net.Socket({ fd: 4 });
if (way === 'by token') receiveTokens(socket);
if (way === 'by its bytes') receiveBytes(socket);
process.on('message', (message) => {
  process.send(message === 'cpu' ? cpuMillis() : take(message, 0));
});
process.on('disconnect', () => process.exit());
process.send('ready');
