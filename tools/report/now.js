'use strict';

// Says what to do about a finding, as lines of code and commands. The rules of `ralloc bake` decide which memory a line should get.

const { decide } = require('../placement/rules.js');
const { evidenceBy } = require('../placement/bake/evidence.js');

/** Quotes an argument for a shell. */
const quoted = (text) => (/^[\w./\\@:=-]+$/.test(text) ? text : `"${text}"`);

/** Method of Buffer → the method of an arena that replaces it. */
const OF_ARENA = {
  ...{ alloc: 'alloc', allocUnsafe: 'allocUnsafe', allocUnsafeSlow: 'allocUnsafe' },
  ...{ from: 'from', copyBytesFrom: 'from', concat: 'concat' },
};

/** Method of Buffer → the method of a slab or region. They have none that makes a Buffer from a value, so such bytes are copied into one. */
const OF_FREED = { alloc: 'alloc', allocUnsafe: 'allocUnsafe', allocUnsafeSlow: 'allocUnsafe' };

/** The line before and after its call of Buffer is replaced by one of `instead`; only the call if the line's code is unknown. Undefined if the line does not call Buffer. */
function changed({ code, line, sources: [source] }, instead) {
  const text = code?.changed ? undefined : code?.lines[line - code.first]?.trim();
  if (text === undefined) return [`- ${source}(…)`, `+ ${instead}(…)`];
  const now = text.replace(`${source}(`, () => `${instead}(`);
  return now === text ? undefined : [`- ${text}`, `+ ${now}`];
}

const methodOf = ({ sources: [source] }) => /^Buffer\.(\w+)$/.exec(source)?.[1];

/** A command that puts a load on the costliest route. The port is a guess, and there is no body. Double quotes work in every shell. */
function loadOf([route = 'GET /']) {
  const [method, path = '/'] = /^\w+ \/[\w./:-]*$/.test(route) ? route.split(' ') : ['GET'];
  const by = method === 'GET' ? '' : `-m ${method} `;
  return `"npx autocannon ${by}http://localhost:3000${path}"`;
}

/** Commands that find out whether an arena is proved safe for the line (bake), and what it gains (trial). */
function measured({ owner, path, routes }, { file, program }) {
  const name = owner === 'dependency' ? packageOf(path) : undefined;
  const others = name === undefined ? '' : ` --package ${name}`;
  const trial = `npx ralloc trial${others} --load ${loadOf(routes)} -- node ${quoted(program)}`;
  return `npx ralloc bake ${quoted(file)} && ${trial}`;
}

const packageOf = (path) => /.*node_modules\/(@[^/]+\/[^/]+|[^/]+)/.exec(path)?.[1];

function ofRequest(line, about) {
  const method = OF_ARENA[methodOf(line)];
  const code = method && line.owner === 'application' && changed(line, `req.arena.${method}`);
  return [...(code || []), measured(line, about)];
}

function freed(line, memory, made) {
  if (line.owner !== 'application') return undefined;
  const free = `+ ${memory}.free(buffer); // where it is let go`;
  const method = OF_FREED[methodOf(line)];
  const code = method && changed(line, `${memory}.${method}`);
  const copied = [`+ const buffer = ${memory}.allocUnsafe(bytes.length);`, '+ buffer.set(bytes);'];
  return [`+ ${made}`, ...(code || copied), free];
}

const BY_STRATEGY = {
  request: ofRequest,
  slab: (line) => freed(line, 'slab', "const { slab } = require('ralloc');"),
  region: (line) =>
    freed(
      line,
      'region',
      "const region = new (require('ralloc').Region)({ maxBytes: 256 << 20 });",
    ),
};

/** Chunks that Node reads have no line of code: the advice is for the code that reads the stream. */
const READ = {
  http: ['+ const body = await req.arena.body(); // or rawBody() as a middleware'],
  http2: ['+ const body = await req.arena.body();'],
  'http response': ['+ const body = await req.arena.collect(response);'],
  fs: ['+ await pump(fs.createReadStream(file), res);'],
  net: ['+ await pump(socket, other);'],
  tls: ['+ await pump(socket, other);'],
  pipe: ['+ await pump(child.stdout, res);'],
};

/** Copies a part into a Buffer that shares its memory with nothing. */
const COPY = [
  '+ const kept = Buffer.allocUnsafeSlow(part.length); // and keep it in the place of part',
  '+ part.copy(kept);',
];

const recorded = (option, { file, program }) => [
  `npx ralloc profile ${option} -o ${quoted(file)} -- node ${quoted(program)}`,
];

/** Commands that find out what holds the Buffers. The snapshot is taken at half of the ArrayBuffers' bytes at the end of this recording, which a new one will reach. DevTools and memlab show holders too, but not the line that allocated a Buffer. */
function holders(about) {
  const { file, arrayBuffers } = about;
  const above = Math.max(1, Math.round(arrayBuffers / 2 / 2 ** 20));
  const snapshot = `${quoted(file.replace(/\.jsonl(\.gz)?$/, ''))}.*.1.heapsnapshot`;
  return [
    ...recorded(`--snapshot-above ${above}m`, about),
    `npx ralloc holders ${snapshot} ${quoted(file)}`,
  ];
}

const byRules = (line, about) => {
  if (line.path === undefined) return READ[line.sources[0]];
  return BY_STRATEGY[decide(evidenceBy(line.totals)).strategy]?.(line, about);
};

const BY_KIND = {
  few: (_, about) => recorded('--rate 16k', about),
  unseen: (_, about, { pooled }) => recorded(pooled ? '--rate 32k' : '--typed-arrays', about),
  leak: (_, about) => holders(about),
  stays: (_, about) => holders(about),
  pin: () => COPY,
  churn: byRules,
  outlives: (line, about) => byRules(line, about) ?? holders(about),
};

/** Lines of text, possibly none. `line`: a line of the report; `about`: `{ file, program, arrayBuffers }`: the profile, the recorded program, and its bytes at the end. */
const nowOf = (finding, line, about) => BY_KIND[finding.kind](line, about, finding) ?? [];

module.exports = { nowOf };
