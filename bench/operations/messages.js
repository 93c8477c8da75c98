'use strict';

// A message from one process to another over a Unix socket: by token of a slab that both share, by
// its bytes, and by process.send() with advanced serialization.
//
// Caveats: "filled and summed" is what a message is for: the sender writes each byte, the receiver
// reads each byte, and answers with their CRC-32 (zlib's, some 50 µs for 1 MiB). "handed over"
// leaves the bytes as they are, and the receiver answers with their number: what the way itself
// costs. Sixteen messages of 64 KiB are under way, or four of 1 MiB (sixteen of those are more than
// caches hold), each answered by four bytes; what one turn of the event loop has to write, of
// tokens as of bytes, is one write. The fewer are under way, the more of a token's cost is waking
// up. The bytes are sent from Buffers that are used again, one where nobody fills it, and summed as
// they arrive, without being put together: nobody who needs the message as one Buffer has it so
// cheap. `process.send()` answers by `process.send()`. CPU time is that of both processes, the rate
// of messages is in `wall`.

const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { crc32 } = require('node:zlib');
const { Slab, backend } = require('../..');
const { compareSamples, quick } = require('../method/compare.js');

const SIZES = { '64 KiB': 64 * 2 ** 10, '1 MiB': 2 ** 20 };
const IN_FLIGHT = { [SIZES['64 KiB']]: 16, [SIZES['1 MiB']]: 4 };
const SAMPLE_MS = quick ? 5 : 80;

const canRun = backend === 'native' && process.platform === 'linux';

/** A receiver in a process of its own; see parts/message-peer.js. */
async function startPeer(slab, options) {
  const args = [path.join(__dirname, 'parts', 'message-peer.js'), JSON.stringify(options)];
  const peer = spawn(process.execPath, args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe', slab.fd],
    serialization: 'advanced',
  });
  await once(peer, 'message');
  return peer;
}

/** CPU time of the receiver in ms. */
async function cpuOf(peer) {
  peer.send('cpu');
  const [ms] = await once(peer, 'message');
  return ms;
}

/** Calls `onSum` with each of the sums that a socket brings, four bytes each. */
function readSums(socket, onSum) {
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    const all = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const whole = all.length & ~3;
    socket.cork(); // what answers lead to is written at once
    for (let at = 0; at < whole; at += 4) onSum(all.readUInt32LE(at));
    socket.uncork();
    rest = all.subarray(whole);
  });
}

const WAYS = {
  'by token': ({ size, write, slab, socket }) => {
    for (let i = 0; i < 2 * IN_FLIGHT[size]; i++) slab.use(size, () => {}); // zeroes it: the pages are there
    return (turn) => {
      const message = slab.allocUnsafe(size);
      write(message, turn);
      const token = Buffer.allocUnsafe(8);
      token.writeDoubleLE(slab.send(message));
      socket.write(token);
    };
  },
  'by its bytes': ({ write, socket, buffers }) => {
    let next = 0;
    return (turn) => {
      const message = buffers[next++ % buffers.length];
      write(message, turn);
      socket.write(message);
    };
  },
  'process.send()': ({ write, peer, buffers }) => {
    let next = 0;
    return (turn) => {
      const message = buffers[next++ % buffers.length];
      write(message, turn);
      peer.send(message);
    };
  },
};

/** Sends n messages and checks the answers: { ns, wall } of one. */
async function makeRun(way, size, works) {
  const slab = Slab.create(null, { sizes: [size], count: 2 * IN_FLIGHT[size], safety: 'recycle' });
  const peer = await startPeer(slab, { way, size, works });
  const socket = peer.stdio[4];
  // Where they are filled, more than are under way: what was written to the socket may still be
  // read from there.
  const buffers = Array.from({ length: works ? 2 * IN_FLIGHT[size] : 1 }, () => Buffer.alloc(size));
  const write = works ? (message, turn) => message.fill(turn) : () => {};
  const send = WAYS[way]({ size, write, slab, socket, peer, buffers });
  const sums = Array.from({ length: 128 }, (_, byte) => crc32(Buffer.alloc(size, byte)));
  const expected = [];
  let onAnswer;
  if (way === 'process.send()') peer.on('message', (sum) => onAnswer(sum));
  else readSums(socket, (sum) => onAnswer(sum));
  let turn = 0;
  const next = () => {
    turn = (turn + 1) & 127;
    expected.push(works ? sums[turn] : size);
    send(turn);
  };
  const moveAll = (n) =>
    new Promise((resolve, reject) => {
      let sent = 0;
      onAnswer = (sum) => {
        if (sum !== expected.shift()) reject(new Error(`${way}: the message is not what was sent`));
        if (sent < n) {
          sent++;
          next();
        } else if (expected.length === 0) resolve();
      };
      for (; sent < Math.min(n, IN_FLIGHT[size]); sent++) next();
    });
  return async (n) => {
    onAnswer = () => {};
    const theirs = await cpuOf(peer);
    const cpu = process.cpuUsage();
    const begun = process.hrtime.bigint();
    await moveAll(n);
    const wall = Number(process.hrtime.bigint() - begun);
    const { user, system } = process.cpuUsage(cpu);
    onAnswer = () => {};
    const used = ((await cpuOf(peer)) - theirs) * 1e6 + (user + system) * 1e3;
    return { ns: used / n, wall: wall / n };
  };
}

const scenario = (size, works) => async () => {
  const runs = {};
  for (const way of Object.keys(WAYS)) {
    const run = await makeRun(way, size, works);
    let n = 16;
    for (let spent = 0; spent < 4 * SAMPLE_MS; spent += SAMPLE_MS) {
      const { wall } = await run(n);
      n = Math.max(16, Math.round((SAMPLE_MS * 1e6) / wall));
    }
    runs[way] = () => run(n);
  }
  return compareSamples(runs);
};

const scenarios = {};
for (const [name, size] of canRun ? Object.entries(SIZES) : []) {
  scenarios[`filled and summed, ${name}`] = scenario(size, true);
  scenarios[`handed over, ${name}`] = scenario(size, false);
}

module.exports = {
  notMeasured: 'more than one receiver; a network; putting the bytes together; other systems',
  scenarios,
};
