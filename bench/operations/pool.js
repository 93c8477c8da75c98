'use strict';

// Small Buffers that are kept, and Node's pool: what they pin plain, and with ralloc/auto. A
// process for each, for some five seconds: its RSS at the end, what of that it has gained in the
// second half, and CPU. "nothing kept" makes the same Buffers and keeps none.
//
// Caveats: the process does nothing else, so V8 collects for it alone. Blocks that were pinned
// before there was evidence stay.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { compareSamples, quick } = require('../method/compare.js');

const TURNS = quick ? 40 : 4000;
const PER_TURN = 100; // Buffers that are dropped again, and one in 41 of them, that is not: a prime, as the pool is looked at between turns
const EVERY = 41;
const CHURN = 3000; // bytes of a Buffer that is dropped, between two small ones

const APPS = path.join(__dirname, '../apps'); // whose packages `npm run bench:apps` installs
const appPackage = (name) => require(require.resolve(name, { paths: [APPS] }));
const hasPackages = fs.existsSync(path.join(APPS, 'node_modules'));

/** Name → a function that makes the small Buffer of number i, as somebody keeps it. */
const KINDS = {
  pins: () => (i) => Buffer.from(`token ${i} of somebody`),
  'mqtt-packet'() {
    const packet = appPackage('mqtt-packet');
    const parser = packet.parser();
    let payload;
    parser.on('packet', (one) => {
      payload = one.payload;
    });
    return (i) => {
      parser.parse(
        Buffer.from(packet.generate({ cmd: 'publish', topic: 'a/b', payload: `${i}`, qos: 0 })),
      );
      return payload;
    };
  },
  protobufjs() {
    const { Field, Type } = appPackage('protobufjs');
    const Entry = new Type('Entry').add(new Field('key', 1, 'bytes'));
    return (i) => Entry.decode(Entry.encode({ key: Buffer.from(`key ${i}`) }).finish()).key;
  },
  'a Map of tokens'() {
    const tokens = new Map(); // of the last 5,000
    return (i) => {
      tokens.set(i, Buffer.from(`token ${i} of somebody`));
      tokens.delete(i - 5000 * EVERY);
      return tokens;
    };
  },
};

/** What the process of a kind does: prints { lastRss, gained, cpuMs, poolSize }. */
async function fill(kind, isKept) {
  const make = KINDS[kind]();
  const kept = [];
  let half = 0;
  for (let turn = 0, i = 0; turn < TURNS; turn++) {
    for (const last = i + PER_TURN; i < last; i++) {
      Buffer.allocUnsafe(CHURN)[0] = i;
      if (i % EVERY > 0) Buffer.from(`small ${i}`);
      else if (isKept) kept.push(make(i));
      else make(i);
    }
    if (turn === TURNS / 2) half = process.memoryUsage.rss();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const lastRss = process.memoryUsage.rss();
  const { user, system } = process.cpuUsage();
  const cpuMs = (user + system) / 1000;
  const { poolSize } = Buffer;
  console.log(JSON.stringify({ lastRss, gained: lastRss - half, cpuMs, poolSize }));
}

const AUTO = ['--require', path.join(__dirname, '../../lib/auto/preload.js')];

function sample(kind, isKept, preload) {
  const args = ['--no-warnings', ...preload, __filename, kind, isKept];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${kind} failed: ${stderr}`);
  return JSON.parse(stdout);
}

const sizes = (kind, isKept) => () =>
  compareSamples(
    {
      plain: () => sample(kind, isKept, []),
      'ralloc/auto': () => sample(kind, isKept, AUTO),
    },
    8,
  );

const kinds = Object.keys(KINDS).filter((kind) => hasPackages || kind !== 'protobufjs');

module.exports = {
  isApart: true,
  notMeasured: `what Buffers of some KiB cost once the pool is small: \`buffers\`, with --scenario${hasPackages ? '' : '; protobufjs, before `npm run bench:apps` has installed it'}`,
  scenarios: {
    ...Object.fromEntries(kinds.map((kind) => [kind, sizes(kind, 'kept')])),
    'nothing kept': sizes('pins', ''),
  },
};

if (require.main === module) fill(process.argv[2], process.argv[3] === 'kept');
