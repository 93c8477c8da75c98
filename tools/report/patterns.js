'use strict';

// Patterns: what several figures of a profile say together. Each has a sentence with its evidence,
// and a cure. None asks for the name of a package.

const { verdictOf } = require('../../lib/process/verdict.js');
const { packageOf } = require('../placement/packages.js');
const { cureOf } = require('./cures.js');
const { isAsyncAt, literalAt, modulesAt, nameAt } = require('./scope.js');
const { bytesOf, oneLine, placeOf } = require('./text.js');

const MiB = 2 ** 20;
const LEAST_SHARE = 0.05; // of a profile
const APPENDED = 0.4; // of a line's bytes; the first of a series are not appended to anything
const WAITS = 16 * MiB;
const WAITS_SHARE = 1 / 8; // of what RSS has grown by
const LEAST_QUEUE = MiB; // of one reader: a queue of up to 64 KiB is usual
const WHOLE_ANSWERS = 64 * MiB;
const GROWS = 4; // at most so many times what RSS has grown by waits in whole answers
const BRIEF_MS = 1000;
const STALLED_MS = 2000;
const LEAST_QUEUED = 32 * MiB;
const MANY_STREAMS = 50;
const KEEPS = 0.9; // of all that a line has allocated
const LEAST_KEPT = 8 * MiB;
const LEAST_BLOCK = 16 * 1024; // bytes, of which a view keeps more than it has
const LEAST_RISES = 3; // slots
const LEAST_RISE = 1 / 20; // of what is alive in the end
const ALIKE = 0.15;
const LEAST_COPY = 64 * 1024; // bytes of each, on average
const LEAST_COPIES = 3;
const LARGE_ANSWER = MiB; // of each request
const NO_BUFFERS = 2 / 3; // of all bytes: a line that made Buffers of what was read would have as many
const OF_SOCKETS = ['net', 'tls']; // which outlive a request with their connection
const MANY_CONSTANTS = 10_000;

const codeOf = ({ code, line }) =>
  code?.changed ? undefined : code?.lines[line - code.first]?.trim();

/** The packages of a line's stacks, those nearest to the allocation first. */
const packagesOf = ({ stacks }) => [
  ...new Set(
    stacks.flatMap(({ stack }) => stack.map(({ file }) => packageOf(file)).filter(Boolean)),
  ),
];

const meanOf = ({ bytes, count }) => (count > 0 ? bytes / count : 0);

/** Of a Buffer of a line: what its largest had at most. */
const largestOf = ({ sizes }) => Math.max(0, ...sizes.map(({ to }) => to));

/** Each call copies what the calls before it have copied: n parts take n² / 2. */
function appending(lines, { whole }) {
  const isAppending = ({ appended, bytes }) =>
    bytes >= whole.bytes * LEAST_SHARE && bytes >= MiB && appended >= bytes * APPENDED;
  return lines.filter(isAppending).map((line) => {
    const now = cureOf('append', packagesOf(line)) ?? [
      'keep the parts in an array, and call Buffer.concat(parts) once, when all are there; who parses frames of a stream, once a whole frame is',
    ];
    const says = `appends by concat: ${placeOf(line)} copied ${bytesOf(line.bytes)}, ${bytesOf(meanOf(line))} at a time, and ${Math.min(100, Math.round((line.appended / line.bytes) * 100))} % of it again and again: the time and the memory of n parts grow with n²`;
    return { kind: 'append', line: line.key, says, now, covers: [line.key] };
  });
}

const QUEUES = {
  ...{ sockets: 'sockets', responses: 'responses', requests: 'requests to other servers' },
  ...{ upgraded: 'upgraded connections', http2: 'streams of HTTP/2', files: 'streams to files' },
  children: 'child processes',
};

/**
 * Kinds of queues whose reader is a client, which may be closed; a socket may be that of a
 * database.
 */
const CLOSABLE = ['responses', 'http2'];

/**
 * What a writer does that heeds its reader, with the name that the line has for the stream. Nobody
 * is cut off who was not seen to stop reading: what is written in one turn waits for every reader.
 */
function heeding(kind, line, isStalled) {
  const text = (line && codeOf(line)) ?? '';
  if (kind === 'upgraded') {
    const name = /([\w.]+)\.send\(/.exec(text)?.[1];
    if (!isStalled || name === undefined)
      return [
        `before each send(), look at bufferedAmount of the connection: wait while much is there${isStalled ? ', and terminate() who has not read for long' : ''}`,
      ];
    return [
      `+ if (${name}.bufferedAmount > 16 * 2 ** 20) ${name}.terminate(); // before each send(), if you never send so much at once: who reads stays far below`,
    ];
  }
  const name = /([\w.]+)\.write\(/.exec(text)?.[1];
  const waits =
    "wait for the reader: stream.pipeline() does, and in an async function await once(stream, 'drain') after a write() that returned false";
  if (name === undefined) return [waits];
  if (line !== undefined && isAsyncAt(line))
    return [
      `+ if (${name}.writableNeedDrain) await once(${name}, 'drain'); // before each write(): const { once } = require('node:events')`,
      waits,
    ];
  // A callback that awaits is called again meanwhile. Of whom nobody else depends on, the reader
  // can be closed.
  return CLOSABLE.includes(kind) && isStalled
    ? [
        `+ ${name}.setTimeout(30_000, () => ${name}.writableLength > 0 && ${name}.destroy()); // once, before the first write(): who has read nothing for 30 s`,
        waits,
      ]
    : [waits];
}

/** A file that is read whole, and sent. Undefined if the line does not read one. */
function streamed(line) {
  const file = /\breadFile(?:Sync)?\((\w[\w.]*)/.exec(codeOf(line) ?? '')?.[1];
  if (file === undefined) return undefined;
  const response = nameAt(line, 'response');
  return response === undefined
    ? ['a stream of the file has 64 KiB of it at a time: fs.createReadStream()']
    : [
        `+ await pipeline(createReadStream(${file}), ${response}); // if it is sent as it is: pipeline of node:stream/promises, createReadStream of node:fs`,
      ];
}

const IN_PIECES = [
  'send it in pieces, by stream.pipeline(): then a reader has as much as it takes',
];

/** The bytes from which on what waits explains by what RSS has grown. */
const leastOf = ({ start, peak }) => Math.max(WAITS, (peak - start) * WAITS_SHARE);

/** A reader that is slower than its writer. */
function waiting(lines, { memory }) {
  const rows = (memory?.waiting ?? []).filter(
    ({ kind, bytes, largest }) =>
      kind in QUEUES && bytes >= leastOf(memory) && largest >= LEAST_QUEUE,
  );
  return rows.slice(0, 1).flatMap(({ kind, route, count, bytes, largest, oldestMs }) => {
    const highest = Math.max(0, ...lines.map(({ peak }) => peak));
    const covers = lines.filter(({ peak, live }) => peak >= WAITS / 4 || live >= WAITS / 4);
    const line = covers.find(({ peak, path }) => path !== undefined && peak >= highest / 2);
    const at = line === undefined ? '' : `, made at ${placeOf(line)}`;
    // A queue that is hardly more than one Buffer is no backlog.
    const isWhole = line !== undefined && largest < 2 * largestOf(line);
    // Large messages wait for a moment, however fast the reader is.
    const isBrief = oldestMs < BRIEF_MS;
    // One Buffer may be in the queues of all.
    const isShared = bytes > GROWS * (memory.peak - memory.start);
    if ((isWhole || isBrief) && (bytes < WHOLE_ANSWERS || isShared)) return [];
    const of = route === undefined ? '' : ` of ${route}`;
    // A Buffer in several queues counts in each.
    const again = bytes > memory.peak ? ' (Buffers that are in several count in each)' : '';
    const what = isWhole ? 'whole answers wait' : 'a reader is slower than its writer';
    const says = `${what}: ${bytesOf(bytes)}${again} wait in the write queues of ${Math.round(count)} ${QUEUES[kind]}${of}${at}, ${bytesOf(largest)} in the largest, since ${Math.round(oldestMs / 1000)} s`;
    const now = isWhole
      ? (streamed(line) ?? IN_PIECES)
      : heeding(kind, line, oldestMs >= STALLED_MS);
    return [{ kind: 'waits', line: line?.key, says, now, covers: covers.map(({ key }) => key) }];
  });
}

/** Queues of the messages that a server sends when it likes. */
const OF_MESSAGES = ['upgraded', 'responses', 'http2'];

/**
 * Messages that wait behind a reader that has taken nothing for a while, in a queue that is not
 * Node's: what was made since is retained.
 */
function queued(lines, { memory, whole }) {
  const row = (memory?.waiting ?? []).find(
    ({ kind, bytes, oldestMs }) =>
      OF_MESSAGES.includes(kind) && bytes < WAITS && oldestMs >= STALLED_MS,
  );
  if (row === undefined) return [];
  const isRetained = ({ path, live, bytes, peak }) =>
    path !== undefined && live >= LEAST_QUEUED && live >= bytes / 2 && live >= peak / 2;
  const [line] = lines.filter(isRetained).sort((one, other) => other.live - one.live);
  if (line === undefined || line.live < whole.live / 2) return [];
  const { kind, count, oldestMs } = row;
  const says = `messages wait for a reader: what was written to ${Math.round(count)} ${QUEUES[kind]} has waited for ${Math.round(oldestMs / 1000)} s, and ${placeOf(line)} keeps ${bytesOf(line.live)} of the ${bytesOf(line.bytes)} that it allocated, most likely in queues behind them`;
  const now = cureOf('queued', [...packagesOf(line), ...modulesAt(line)]) ?? [
    'before each message, look at what waits, and drop it or close the connection',
  ];
  return [{ kind: 'queued', line: line.key, says, now, isKept: true, covers: [line.key] }];
}

/** Many open streams of zlib, each of which has native memory. */
function nativeStreams(lines, { memory }) {
  const row = (memory?.waiting ?? []).find(
    ({ kind, bytes, count }) =>
      kind === 'zlib' && bytes >= leastOf(memory) && count >= MANY_STREAMS,
  );
  if (row === undefined) return [];
  const packages = [...new Set(lines.flatMap(packagesOf))];
  const now = [
    ...(cureOf('streams', packages) ?? []),
    'end each stream, or destroy() it, when its connection closes: stream.pipeline() does',
  ];
  const says = `many native streams at once: ${Math.round(row.count)} streams of node:zlib are open and take ${bytesOf(row.bytes)} outside of V8's heap, since ${Math.round(row.oldestMs / 1000)} s`;
  return [{ kind: 'streams', says, now, covers: [] }];
}

/**
 * Whether what is alive rises in several slots: what is loaded once at the start does so in one.
 */
function rises({ history, live }) {
  const steps = history.filter((bytes, i) => bytes - (history[i - 1] ?? 0) > live * LEAST_RISE);
  return steps.length >= LEAST_RISES;
}

/** What a line allocates for requests stays, all of it. */
function unbounded(lines, { whole, requests }) {
  const keeps = (line) =>
    line.live >= Math.max(LEAST_KEPT, whole.live * LEAST_SHARE, line.bytes * KEEPS) &&
    line.outlived >= line.live / 2 &&
    rises(line);
  if (!(requests > 0)) return [];
  return lines.filter(keeps).map((line) => {
    const says = `has not stopped growing: ${placeOf(line)} keeps ${bytesOf(line.live)} of the ${bytesOf(line.bytes)} that it allocated, ${bytesOf(line.live / requests)} more for each of ${requests} requests`;
    const now = [
      'if nothing bounds what they are put into: delete() the oldest entry, or those that are old; otherwise record until that is full',
      ...(meanOf(line) >= LEAST_BLOCK
        ? ['if a view of each is kept, such as a Uint8Array over its .buffer: a copy of that part']
        : []),
    ];
    return { kind: 'unbounded', line: line.key, says, now, isKept: true, covers: [line.key] };
  });
}

/** Methods that copy what they are given; memory of any other may be for something else. */
const COPIES = ['Buffer.from', 'Buffer.concat', 'Buffer.copyBytesFrom'];

const near = (a, b) => Math.abs(a - b) <= Math.max(a, b) * ALIKE;

const isCopy = ({ path, sources }) => path !== undefined && COPIES.includes(sources[0]);

/**
 * The same bytes several times: lines that allocate as often, and as much, with what Node has read
 * of them.
 */
function copying(lines, { whole }) {
  const large = lines.filter(
    ({ bytes, live }) => bytes >= whole.bytes * LEAST_SHARE && live <= bytes / 2,
  );
  for (const first of large.filter((line) => isCopy(line) && meanOf(line) >= LEAST_COPY)) {
    const others = large.filter((line) => line !== first && near(line.bytes, first.bytes));
    const made = [first, ...others.filter((line) => isCopy(line) && near(line.count, first.count))];
    const read = others.filter(({ path }) => path === undefined);
    if (made.length < 2 || made.length + read.length < LEAST_COPIES) continue;
    const all = [...new Set([...read, ...made])];
    const says = `many copies of one body: ${bytesOf(meanOf(first))}, ${Math.round(first.count)} times, at each of ${all.map((line) => placeOf(line)).join(', ')}`;
    const now = [
      'each copy is alive with the others: where nobody writes into one, parse, hash or pass on the Buffer itself, and call toString() and JSON once',
    ];
    return [
      { kind: 'copies', line: made.at(-1).key, says, now, covers: made.map(({ key }) => key) },
    ];
  }
  return [];
}

/** Methods of a response, which does not write into what it gets; other streams may. */
const SENDS = /^(?:write|end|send)$/;

/** Whether objects or what is dead made most of what has grown. */
function isOfObjects({ grown, addons, atPeak }) {
  const { kind, ofPeak } = verdictOf(grown, addons, atPeak);
  return [kind, ofPeak?.kind].some((one) => one === 'heap' || one === 'garbage');
}

/**
 * Requests that read much of sockets, of which a package makes objects: whole results are there at
 * once.
 */
function answers(lines, { whole, requests, memory }) {
  if (!(requests > 0) || memory?.grown === undefined || !isOfObjects(memory)) return [];
  const line = lines.find(
    ({ path, sources: [source], routes, bytes }) =>
      path === undefined &&
      OF_SOCKETS.includes(source) &&
      routes.length > 0 &&
      bytes >= Math.max(whole.bytes * NO_BUFFERS, requests * LARGE_ANSWER),
  );
  if (line === undefined) return [];
  const says = `large answers: each of ${requests} requests reads ${bytesOf(line.bytes / requests)} of a server that it asks, and objects are made of all of it at once`;
  const now = cureOf('answers', [...new Set(lines.flatMap(packagesOf))]) ?? [
    'read the answer in pieces, by a cursor or a stream of rows, or ask for less of it',
  ];
  return [{ kind: 'answers', line: line.key, says, now, covers: [line.key] }];
}

/** Buffers that are made of a literal, again and again. */
function constants(lines, { whole, seconds }) {
  const found = lines.filter(
    ({ sources: [source], bytes, count, owner }) =>
      owner === 'application' &&
      source === 'Buffer.from' &&
      count >= MANY_CONSTANTS &&
      bytes >= whole.bytes * LEAST_SHARE,
  );
  return found.flatMap((line) => {
    const literal = literalAt(line);
    if (literal === undefined) return [];
    const { parent, text, call } = literal;
    const isSent =
      parent.type === 'CallExpression' &&
      parent.arguments.includes(call) &&
      SENDS.test(parent.callee.property?.name) &&
      parent.callee.object?.name === nameAt(line, 'response');
    const code = codeOf(line);
    const now =
      isSent && code.includes(text)
        ? [
            `+ const CONSTANT = ${text}; // once, at the top of the file`,
            `- ${code}`,
            `+ ${code.replace(text, 'CONSTANT')}`,
          ]
        : ['make it once, at the top of the file, if nobody writes into it'];
    const says = `Buffers for a constant: ${placeOf(line)} made ${Math.round(line.count)} of the same bytes, ${Math.round(line.count / seconds)} a second, ${bytesOf(line.bytes)} in all`;
    return [{ kind: 'constant', line: line.key, says, now, covers: [line.key] }];
  });
}

const PATTERNS = [
  ...[waiting, nativeStreams, appending, unbounded, queued, copying, answers, constants],
];

/**
 * The patterns of a profile, the most important first: `{ kind, line, says, now, covers }`, the key
 * of the line that it is of, if it is of one, and those of all lines that it explains. `isKept`:
 * what holds the Buffers tells more. `about`: as of findingsOf(); `known`: lines that have a
 * finding already.
 */
function patternsOf(lines, about, known = []) {
  const found = [];
  const explained = new Set(known);
  for (const pattern of PATTERNS) {
    for (const one of pattern(lines, about)) {
      if (one.line !== undefined && explained.has(one.line)) continue;
      for (const key of one.covers) explained.add(key);
      found.push({ ...one, says: oneLine(one.says) });
    }
  }
  return found;
}

module.exports = { OF_SOCKETS, codeOf, largestOf, meanOf, packagesOf, patternsOf, streamed };
