'use strict';

// Tells what to do about a finding, as lines of code and commands: by the rules of `ralloc bake` if these say which memory a line should get.

const { decide } = require('../placement/rules.js');
const { evidenceBy } = require('../placement/bake/evidence.js');

/** An argument of a shell. */
const quoted = (text) => (/^[\w./\\@:=-]+$/.test(text) ? text : `"${text}"`);

/** Method of Buffer → what an arena has for it. */
const OF_ARENA = {
  ...{ alloc: 'alloc', allocUnsafe: 'allocUnsafe', allocUnsafeSlow: 'allocUnsafe' },
  ...{ from: 'from', copyBytesFrom: 'from', concat: 'concat' },
};

/** Those of a slab or a region. What is made of a value is copied into one. */
const OF_FREED = { alloc: 'alloc', allocUnsafe: 'allocUnsafe', allocUnsafeSlow: 'allocUnsafe' };

/** The line as it is, and with `instead` in the place of Buffer's method; without its code what is called alone. Undefined where Buffer is not called there. */
function changed({ code, line, sources: [source] }, instead) {
  const text = code?.changed ? undefined : code?.lines[line - code.first]?.trim();
  if (text === undefined) return [`- ${source}(…)`, `+ ${instead}(…)`];
  const now = text.replace(`${source}(`, () => `${instead}(`);
  return now === text ? undefined : [`- ${text}`, `+ ${now}`];
}

const methodOf = ({ sources: [source] }) => /^Buffer\.(\w+)$/.exec(source)?.[1];

/** A load of the costliest route; its port and its body nobody knows. In quotes that each shell has. */
function loadOf([route = 'GET /']) {
  const [method, path = '/'] = /^\w+ \/[\w./:-]*$/.test(route) ? route.split(' ') : ['GET'];
  const by = method === 'GET' ? '' : `-m ${method} `;
  return `"npx autocannon ${by}http://localhost:3000${path}"`;
}

/** Bake says of which lines that is proved, and a trial what it gains. */
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

/** What Node reads has no line: who reads it decides. */
const READ = {
  http: ['+ const body = await req.arena.body(); // or rawBody() as a middleware'],
  http2: ['+ const body = await req.arena.body();'],
  'http response': ['+ const body = await req.arena.collect(response);'],
  fs: ['+ await pump(fs.createReadStream(file), res);'],
  net: ['+ await pump(socket, other);'],
  tls: ['+ await pump(socket, other);'],
  pipe: ['+ await pump(child.stdout, res);'],
};

/** A Buffer of its own, which is of no pool and of no larger one. */
const COPY = [
  '+ const kept = Buffer.allocUnsafeSlow(part.length); // and keep it in the place of part',
  '+ part.copy(kept);',
];

const recorded = (option, { file, program }) => [
  `npx ralloc profile ${option} -o ${quoted(file)} -- node ${quoted(program)}`,
];

/** Who holds them, when ArrayBuffers have half of what they had at the end of this recording, which another one is sure to reach: DevTools and memlab show that too, and not which line they are of. */
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

/** Lines of text; none where nothing is known. `line`: of the report. `about`: `{ file, program, arrayBuffers }`, the profile, what was recorded, and its bytes at the end. */
const nowOf = (finding, line, about) => BY_KIND[finding.kind](line, about, finding) ?? [];

module.exports = { nowOf };
