'use strict';

// What a small body costs on Express 5, by whoever reads it, and what a mount costs that nobody
// uses: CPU of a request and peak RSS of the server's process. A block is a fresh process for each
// rival, side by side, which take turns in mirrored order; the client is a process of its own.
// `node bench/instructions.js small` counts the instructions of the same servers.

const path = require('node:path');
const { Child } = require('../method/child.js');
const { compareSamples, quick } = require('../method/compare.js');

const REQUESTS = quick ? 50 : 4000;
const WARM = quick ? 50 : 12_000;
const PATIENCE = 600_000; // ms, for a busy machine
const BLOCKS = 9;
const file = (name) => path.join(__dirname, 'parts', name);

async function serversOf(names, size) {
  const client = new Child(file('small-client.js'), [size, 10]);
  const servers = names.map((name) => [name, new Child(file('small-servers.js'), [name])]);
  try {
    const samplers = {};
    for (const [name, server] of servers) {
      await client.call('connect', { name, port: await server.call('listen') });
      await client.call('closedLoop', { name, requests: WARM }, PATIENCE);
      samplers[name] = async () => {
        await server.call('begin');
        const { errors, firstFault } = await client.call(
          'closedLoop',
          { name, requests: REQUESTS },
          PATIENCE,
        );
        if (errors > 0) throw new Error(`${name}: ${firstFault}`);
        const { cpuUs, rss } = await server.call('end');
        return { ns: (cpuUs * 1000) / REQUESTS, rss };
      };
    }
    return await compareSamples(samplers, 8 * 4);
  } finally {
    for (const child of [client, ...servers.map(([, server]) => server)]) await child.stop();
  }
}

const KiB = 1024;
const BODIES = {
  '100 B': 100,
  '1 KiB': KiB,
  '4 KiB': 4 * KiB,
  '16 KiB': 16 * KiB,
  '64 KiB': 64 * KiB,
  '1 MiB': KiB * KiB,
};
const READERS = [
  'express.raw()',
  'express.raw(), an empty middleware',
  'express.raw(), requestArena()',
  'rawBody()',
  'by hand',
];
const HELLO = [
  'hello, an empty middleware',
  'hello, requestArena()',
  'hello, requestArena({ context: true })',
];
const IN_HANDLER = ['in the handler, by hand', 'in the handler, arena.body()'];

/** Scenario → [its servers, the size of the body, -1: a GET]. */
const SCENARIOS = {
  hello: [HELLO, -1],
  'arena.body(), 4 KiB': [IN_HANDLER, 4 * KiB],
  ...Object.fromEntries(
    Object.entries(BODIES).map(([name, size]) => [`a body of ${name}`, [READERS, size]]),
  ),
};

module.exports = {
  blocks: BLOCKS,
  notMeasured: 'latency; bodies that do not arrive in one piece with their head; TLS; HTTP/2',
  SCENARIOS,
  scenarios: Object.fromEntries(
    Object.entries(SCENARIOS).map(([name, args]) => [name, () => serversOf(...args)]),
  ),
};
