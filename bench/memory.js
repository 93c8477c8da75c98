'use strict';

// node bench/memory.js > memory.jsonl
// The memory of an Express server over time, with express.raw() and with rawBody(): bodies of 1 MiB at one rate for a while, then no requests. `npm run bench:publish -- memory.jsonl`
// draws it.
//
// Caveats: one process each, one after the other. A rate that the machine cannot serve makes both lines meaningless: the last one is told on stderr.

const os = require('node:os');
const path = require('node:path');
const { setTimeout: delay } = require('node:timers/promises');
const { backend } = require('..');
const { Child } = require('./method/child.js');
const { placement } = require('./method/cpus.js');
const { quantile } = require('./method/statistics.js');

const SIZE = 2 ** 20;
const [RATE, LOAD_S, REST_S] = [40, 20, 15];
const EVERY_MS = 250;
const NAMES = ['express.raw()', 'rawBody()'];

const fixture = (name) => path.join(__dirname, 'fixtures', name);

/** `[seconds, MB]` of a server, from its start. */
async function linePoints(name) {
  const processors = placement();
  const server = new Child(fixture('serve.js'), ['body.js', 'Express', name]);
  const client = new Child(fixture('client.js'));
  try {
    server.pin(processors?.servers);
    client.pin(processors?.client);
    const port = await server.call('listen', {});
    const begun = performance.now();
    const points = [];
    const watch = async (seconds) => {
      for (const end = performance.now() + seconds * 1e3; performance.now() < end; ) {
        const rss = await server.call('rss');
        const at = (performance.now() - begun) / 1e3;
        points.push([Number(at.toFixed(2)), Number((rss / 1e6).toFixed(1))]);
        await delay(EVERY_MS);
      }
    };
    const load = client.call('pace', { port, size: SIZE, requests: RATE * LOAD_S, rate: RATE });
    await watch(LOAD_S);
    const latencies = await load;
    console.error(`${name}: P99 ${quantile([...latencies], 0.99).toFixed(1)} ms`);
    await watch(REST_S);
    return points;
  } finally {
    await Promise.all([server.stop(), client.stop()]);
  }
}

async function main() {
  const rows = [];
  for (const name of NAMES) rows.push({ name, points: await linePoints(name) });
  const [{ model }] = os.cpus();
  const machine = `${model}, ${os.cpus().length} cores`;
  const load = { size: SIZE, rate: RATE, seconds: LOAD_S };
  const { node } = process.versions;
  console.log(
    JSON.stringify({ bench: 'memory', scenario: '1 MiB', node, backend, machine, load, rows }),
  );
}

main();
