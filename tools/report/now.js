'use strict';

// Says what to do about a finding, as lines of code and commands. The rules of `ralloc bake` decide which memory a line should get.

const { packageOf } = require('../../lib/auto/packages.js');
const { evidenceBy } = require('../placement/bake/evidence.js');
const { decide } = require('../placement/rules.js');

/** Quotes an argument for a shell. */
const quoted = (text) => (/^[\w./\\@:=-]+$/.test(text) ? text : `"${text}"`);

/** The methods of Buffer that an arena has, and those of a slab or region, which make no Buffer from a value: such bytes are copied into one. */
const OF_ARENA = ['alloc', 'allocUnsafe', 'from', 'copyBytesFrom', 'concat'];
const OF_FREED = ['alloc', 'allocUnsafe'];

/** The line before and after its call of Buffer is one of `memory`, which has these `methods`; only the call if the line's code is unknown. Undefined if the line does not call one of them. */
function changed({ code, line, sources: [source] }, memory, methods) {
  const method = /^Buffer\.(\w+?)(?:Slow)?$/.exec(source)?.[1];
  if (!methods.includes(method)) return undefined;
  const instead = `${memory}.${method}(`;
  const text = code?.changed ? undefined : code?.lines[line - code.first]?.trim();
  if (text === undefined) return [`- ${source}(…)`, `+ ${instead}…)`];
  const now = text.replace(`${source}(`, () => instead);
  return now === text ? undefined : [`- ${text}`, `+ ${now}`];
}

/** A command that puts a load on the costliest route. The port is a guess, and there is no body. Double quotes work in every shell. */
function loadOf([route = 'GET /']) {
  const [method, path = '/'] = /^\w+ \/[\w./:-]*$/.test(route) ? route.split(' ') : ['GET'];
  const by = method === 'GET' ? '' : `-m ${method} `;
  return `"npx autocannon ${by}http://localhost:3000${path}"`;
}

/** The change to an arena, and commands that find out whether that is proved safe for the line (bake), and what it gains (trial). */
function ofRequest(line, { file, program }) {
  const isOwn = line.owner === 'application';
  const name = line.owner === 'dependency' ? packageOf(line.path) : undefined;
  const others = name === undefined ? '' : ` --package ${name}`;
  const trial = `npx ralloc trial${others} --load ${loadOf(line.routes)} -- node ${quoted(program)}`;
  return [
    ...((isOwn && changed(line, 'req.arena', OF_ARENA)) || []),
    `npx ralloc bake ${quoted(file)} && ${trial}`,
  ];
}

/** Strategy for Buffers that are freed one by one → how its memory is made. */
const MADE = {
  slab: "const { slab } = require('ralloc');",
  region: "const region = new (require('ralloc').Region)({ maxBytes: 256 << 20 });",
};

function freed(line, memory) {
  if (line.owner !== 'application' || !Object.hasOwn(MADE, memory)) return undefined;
  const free = `+ ${memory}.free(buffer); // where it is let go`;
  const copied = [`+ const buffer = ${memory}.allocUnsafe(bytes.length);`, '+ buffer.set(bytes);'];
  return [`+ ${MADE[memory]}`, ...(changed(line, memory, OF_FREED) ?? copied), free];
}

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

/** Commands that find out what holds the Buffers. The snapshot is taken at half of the ArrayBuffers' bytes at the end of this recording, which a new one will reach. */
function holders(about) {
  const above = Math.max(1, Math.round(about.arrayBuffers / 2 / 2 ** 20));
  const snapshot = `${quoted(about.file.replace(/\.jsonl(\.gz)?$/, ''))}.*.1.heapsnapshot`;
  return [
    ...recorded(`--snapshot-above ${above}m`, about),
    `npx ralloc holders ${snapshot} ${quoted(about.file)}`,
  ];
}

function byRules(line, about) {
  if (line.path === undefined) return READ[line.sources[0]];
  const { strategy } = decide(evidenceBy(line.totals));
  return strategy === 'request' ? ofRequest(line, about) : freed(line, strategy);
}

/** Lines of text, possibly none. `line`: a line of the report; `about`: `{ file, program, arrayBuffers }`: the profile, the recorded program, and its bytes at the end. */
function nowOf(kind, line, about) {
  if (kind === 'few') return recorded('--rate 16k', about);
  if (kind === 'unseen') return recorded('--rate 32k --typed-arrays', about);
  if (kind === 'pin') return COPY;
  if (kind === 'churn') return byRules(line, about) ?? [];
  return (kind === 'outlives' ? byRules(line, about) : undefined) ?? holders(about);
}

module.exports = { nowOf };
