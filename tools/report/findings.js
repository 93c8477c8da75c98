'use strict';

// The findings of a profile: lines to change, because their bytes pile up, or they allocate much
// for a short while, or they pin more than they use; and memory that was not seen. Each with what
// to do about it, as lines of code and commands. The rules of `ralloc bake` decide which memory a
// line should get.

const { packageOf } = require('../placement/packages.js');
const { evidenceBy } = require('../placement/bake/evidence.js');
const { decide, pins } = require('../placement/rules.js');
const { METHODS, whyNever } = require('../placement/source/calls.js');
const { verdictOf } = require('../../lib/process/verdict.js');
const { cureOf, limitOf, withSize } = require('./cures.js');
const {
  OF_SOCKETS,
  codeOf,
  largestOf,
  meanOf,
  packagesOf,
  patternsOf,
  streamed,
} = require('./patterns.js');
const { assignedAt, nameAt } = require('./scope.js');
const { bytesOf, placeOf } = require('./text.js');
const { LEAST_ALIVE } = require('./timeline.js');

const MOST = 3; // so many findings of each kind are reported, the most important ones
const LEAST_SHARE = 0.05; // a line with a smaller share of the profile is not worth a change
const MiB = 2 ** 20;
const LEAST_BYTES = MiB;
const LARGE = 32 * 1024;
const CHURNS = 0.5;
const MOST_KEPT = 0.05;
const MOST_OUTLIVING = 0.2; // each connection keeps its last request until the next
const FEW_OUTLIVING = 0.002; // fewer are told of
/** Below both of them Node's own pool is as good: nothing is gained by a change. */
const WORTH_BYTES = 16 * 1024; // of each
const WORTH_RATE = 2 * MiB; // a second
const WORTH_SHARE = 0.1; // of all bytes: a change elsewhere gains more
const LITTLE = MiB; // a second, of all lines
const MUCH_KEPT = 8 * MiB;
const WORTH_PUMPING = 256 * 1024; // of each request: below, pump() takes as much memory as pipeline()
const BODIES_KEPT = 2; // at the peak: who passes a body on holds a part of it
const STAYS = 0.5;
const FEW_SAMPLES = 100; // so many samples give an error of ± 20 %

/**
 * Kind of a finding → by which of its figures a line is weighed, and whether it has one: `has(line,
 * whole, seconds)`.
 */
const KINDS = {
  /** The most that were pinned: where none of the line's are alive in the end, for a moment. */
  pin: ['pinned', (line) => line.live > 0 && pins(line)],
  leak: ['live', (line, whole) => line.live >= whole.live * LEAST_SHARE && line.grows],
  /** Bytes that stay alive, and grow no more: the load is over, or the history too short to say. */
  stays: [
    'live',
    (line, whole) =>
      line.live >= Math.max(whole.live * LEAST_SHARE, LEAST_BYTES, line.bytes * STAYS) &&
      line.totals.liveSamples >= LEAST_ALIVE &&
      !line.grows,
  ],
  /** Bytes that are dead within a second, or, however slow it is, with their request. */
  churn: [
    'bytes',
    ({ young, withRequest, bytes, count }, whole, seconds) =>
      Math.max(young, withRequest) >= bytes * CHURNS &&
      bytes >= whole.bytes * LEAST_SHARE &&
      (bytes >= count * WORTH_BYTES || bytes >= seconds * WORTH_RATE),
  ],
  outlives: [
    'outlived',
    ({ outlived, withRequest, sources }, whole) =>
      !OF_SOCKETS.includes(sources[0]) &&
      outlived > (outlived + withRequest) * CHURNS &&
      outlived + withRequest > whole.bytes * LEAST_SHARE,
  ],
};

/** Routes that a pasted load may ask as it is: not to delete something. */
const MAY_LOAD = /^(?:GET|HEAD|OPTIONS|POST|PUT|PATCH) \/[\w./:-]*$/;
const HAS_BODY = /^P/;

/**
 * An argument for a shell, whichever it is; `instead` of a name that a shell might not take as it
 * is: a profile may be somebody else's.
 */
function quoted(text, instead) {
  if (/^[\p{L}\p{N}_./\\@:=+-]+$/u.test(text)) return text;
  return /^[\p{L}\p{N}_./\\@:=+ -]+$/u.test(text) ? `"${text}"` : instead;
}

/** The MiB of the largest Buffer of a line. */
const mebibytesOf = (line) => Math.ceil(Math.max(1, largestOf(line)) / MiB);

/**
 * Reads the body of a fetch() into the request's arena, in the names of the line. Undefined if the
 * line does not read one.
 */
function fetched(line) {
  const text = codeOf(line) ?? '';
  const [whole, response] = /Buffer\.from\(await ([\w.]+)\.arrayBuffer\(\)\)/.exec(text) ?? [];
  const isRead = /\.(?:arrayBuffer|bytes)\(\)/.test(text);
  if (!isRead) return undefined;
  const others =
    'npx ralloc run collects what is dead when the server rests; for await (const part of response.body) never has the whole';
  const request = nameAt(line, 'request');
  if (whole === undefined || request === undefined) return [others];
  return [
    `- ${text}`,
    withSize(
      `+ ${text.replace(whole, `await ${request}.arena.collect(${response}.body, { limit: $SIZE * 2 ** 20 })`)} // dead after the response; ${response}.body is null without a body; behind requestArena({ maxBytesPerRequest: $TWICE * 2 ** 20 })`,
      mebibytesOf(line),
    ),
    others,
  ];
}

/**
 * A command that puts a load on the costliest route. BODY stands for a file: a body that the route
 * does not expect may end the server. Double quotes work in every shell.
 */
function loadOf(routes = []) {
  const [method, path] = (routes.find((route) => MAY_LOAD.test(route)) ?? 'GET /').split(' ');
  const by = method === 'GET' ? '' : `-m ${method} ${HAS_BODY.test(method) ? '-i BODY ' : ''}`;
  return `"npx autocannon ${by}{url}${path}"`;
}

/**
 * Whether a trial changes the call of a line, without options: it is one of Buffer's, as perRequest
 * has it, with a request at hand, and its Buffers are larger than those that Node has a pool for.
 * Of the application only if the line has the call itself: Node and packages also make Buffers for
 * it.
 */
function mayBeChanged(line, { listened, bytes }) {
  if (line.owner === 'node') return false;
  const [source] = line.sources;
  if (whyNever({ source, callee: source, listened: listened / bytes }) !== undefined) return false;
  const [, method] = /^Buffer\.(\w+)$/.exec(source) ?? [];
  if (!METHODS.has(method) || method === 'alloc' || meanOf(line) < LARGE) return false;
  const code = codeOf(line);
  return line.owner === 'dependency' || code === undefined || code.includes(`${method}(`);
}

/**
 * Commands that find out whether an arena is proved safe for the line (bake), what that gains
 * (compare), and that make the change, if nothing in its file is against it (apply).
 */
function ofRequest(line, certainty, { file, program, lines }) {
  const name = line.owner === 'dependency' ? packageOf(line.path) : undefined;
  const others = name === undefined ? '' : ` --package ${quoted(name, 'PACKAGE')}`;
  const isProved = certainty === 'proved';
  // Without it, a table that proves nothing is not measured.
  const suggested = isProved ? '' : ' --suggested';
  const compare = `npx ralloc compare --table --with table${suggested}${others} --load ${loadOf([line, ...lines].find(({ routes }) => routes.length > 0)?.routes)} -- node ${quoted(program, 'PROGRAM')}`;
  return [
    `npx ralloc bake ${quoted(file, 'PROFILE')} && ${compare}`,
    ...(line.owner === 'application' && isProved ? ['npx ralloc apply'] : []),
  ];
}

const OF_BODY =
  'enough for those that were recorded; dead after the response; behind requestArena({ maxBytesPerRequest: $TWICE * 2 ** 20 })';
/**
 * Chunks that Node reads have no line of code: the advice is for the code that reads the stream.
 * `$SIZE` stands for the MiB that a body may have.
 */
const BODIES = {
  http: [
    `+ const body = await req.arena.body({ limit: $SIZE * 2 ** 20 }); // or rawBody() as a middleware; ${OF_BODY}`,
  ],
  http2: [`+ const body = await req.arena.body({ limit: $SIZE * 2 ** 20 }); // ${OF_BODY}`],
  'http response': [
    `+ const body = await req.arena.collect(response, { limit: $SIZE * 2 ** 20 }); // ${OF_BODY}`,
  ],
};
/** The rows for chunks of a source whose bodies have so many MiB; undefined of other sources. */
const bodyOf = (source, mebibytes) => BODIES[source]?.map((row) => withSize(row, mebibytes));

/** Chunks that are passed on as they come: whoever collects them has more memory, not less. */
const PASSED = {
  http: ['+ await pump(req, file); // if it is passed on as it comes'],
  'http response': ['+ await pump(response, res); // if it is passed on as it comes'],
};
const READ = {
  fs: ['+ await pump(fs.createReadStream(file), res);'],
  pipe: ['+ await pump(child.stdout, res);'],
};

/**
 * Keeps a Buffer that shares its memory with nothing: of what the line sets, or of a part of what a
 * package has made. An expression, not lines to paste: where the bytes are there for good, only who
 * knows the code can tell, and a copy that is made before has others.
 */
function copied(made) {
  const line = made.keeper?.line ?? made;
  const isOwn = line.owner === 'application';
  // No pool has Buffers so large: what is kept is a part of them.
  const isPart = made.keeper === undefined && made.bytes > made.count * LARGE;
  const name = isOwn && !isPart ? assignedAt(line) : undefined;
  const from = line.owner === 'dependency' ? ` of ${packageOf(line.path) ?? 'a package'}` : '';
  return [
    `keep Buffer.from(new Uint8Array(${name ?? 'part'}).buffer) in the place of ${name ?? 'the part'}${from}: a copy, made where it is kept, after the last write into its bytes`,
  ];
}

/** Of a line whose Buffers parts keep: the line that makes the parts. */
const keptBy = (line) => ({
  keeper: line.keeper.line,
  says: `retains its block: ${placeOf(line.keeper.line)} keeps ${bytesOf(line.live)} and retains ${bytesOf(line.pinned)}, made at ${placeOf(line)}`,
});

/**
 * `app.jsonl` → `app-2.jsonl`, → `app-3.jsonl`: a new recording must not replace the profile that
 * is read.
 */
function nextTo(file) {
  const [, name, number = 1, ending] = /^(.*?)(?:-(\d+))?(\.jsonl(?:\.gz)?)?$/s.exec(file);
  return `${name}-${Number(number) + 1}${ending ?? ''}`;
}

const recorded = (option, { file, program }) => [
  `npx ralloc profile ${option} -o ${quoted(nextTo(file), 'NEXT.jsonl')} -- node ${quoted(program, 'PROGRAM')}`,
];

/**
 * Commands that find out what holds the Buffers. The snapshot is taken at half of what was alive at
 * the end of this recording, which a new one will reach.
 */
function holders(about) {
  const { arrayBuffers, live } = about.whole;
  const above = Math.max(1, Math.round(Math.max(arrayBuffers, live) / 2 / MiB));
  const next = nextTo(about.file);
  const base = quoted(next.replace(/\.jsonl(\.gz)?$/, ''), 'NEXT');
  return [
    ...recorded(`--snapshot-above ${above}m`, about),
    `npx ralloc holders ${base}.*.1.heapsnapshot ${quoted(next, 'NEXT.jsonl')}`,
  ];
}

/**
 * The package that copies as many bytes as Node reads of bodies: who reads them before it takes
 * them from it. Undefined if the application reads them.
 */
function readerOf(line, lines) {
  const reader = lines.find(
    (one) =>
      one.owner === 'dependency' &&
      one.bytes >= line.bytes / 2 &&
      one.sources[0] === 'Buffer.concat',
  );
  return reader && packageOf(reader.path);
}

/** The verdict on a process; empty if it has told none of its memory. */
const verdictBy = (memory) =>
  memory?.grown ? verdictOf(memory.grown, memory.addons, memory.atPeak) : {};

/** Whether the process has grown by more than a healthy one does. */
function isUnusual(memory) {
  const { kind, ofPeak } = verdictBy(memory);
  return (kind ?? ofPeak) !== undefined;
}

/**
 * The line that makes one Buffer of chunks that Node reads, since it allocates as many bytes;
 * undefined without one.
 */
const collectorOf = (line, lines) =>
  lines.find((one) => one.path !== undefined && one.bytes >= line.bytes / 2);

/**
 * Whether more than one body of so many bytes was alive at the peak, and no Buffers live in the
 * end: a package may collect bodies in an Uint8Array, which is no Buffer and has no line.
 */
const keepsBodies = (bytes, memory) =>
  isUnusual(memory) &&
  memory.atPeak?.buffers >= BODIES_KEPT * bytes &&
  verdictBy(memory).kind !== 'buffers';

const outlivingOf = ({ outlived, withRequest }) =>
  outlived === 0 ? 0 : outlived / (outlived + withRequest);

/**
 * Whether Buffers of a line stay, or parts of them: what an arena has is dead after the response,
 * so it is no cure for the line, nor for what the line is made of.
 */
const isKept = (line) =>
  pins(line) || line.live > line.bytes * MOST_KEPT || outlivingOf(line) > MOST_OUTLIVING;

/** `rows` of code that has a line's Buffers in an arena: some of them may be kept. */
function withCare(line, rows) {
  const share = outlivingOf(line);
  if (rows === undefined || share < FEW_OUTLIVING) return rows;
  const percent = Math.max(1, Math.round(100 * share));
  return [
    `${percent} % of these outlived their response, where an arena's are dead: copy what is kept`,
    ...rows,
  ];
}

/** What reads a body into the request's arena; undefined where that is not known. */
function arenaFor(line, { lines, requests, memory }) {
  const known = cureOf('churn', packagesOf(line), mebibytesOf(line)) ?? fetched(line);
  if (known !== undefined)
    return withCare(line, [...(isUnusual(memory) ? limitOf(packagesOf(line)) : []), ...known]);
  if (line.path !== undefined) return undefined;
  const reader = readerOf(line, lines);
  if (reader !== undefined)
    return [`the package ${reader} reads these: nothing else may, see its line`];
  const [source] = line.sources;
  const collector = collectorOf(line, lines);
  if (collector !== undefined)
    return isKept(collector)
      ? undefined
      : withCare(collector, bodyOf(source, mebibytesOf(collector)));
  if (!(requests > 0 && line.bytes >= requests * WORTH_PUMPING)) return undefined;
  const passed = PASSED[source];
  const mean = line.bytes / requests;
  if (!passed || !keepsBodies(mean, memory)) return passed;
  return [...withCare(line, bodyOf(source, Math.ceil((2 * mean) / MiB))), ...passed];
}

/**
 * Whether another memory gains by what a line makes: of all bytes, and of a Buffer or of a request,
 * since a small body stays on V8's heap anyway.
 */
const isWorthMoving = ({ bytes, count }, { requests, whole }) =>
  bytes >= whole.bytes * WORTH_SHARE &&
  (!(requests > 0) || bytes >= Math.min(count, requests) * WORTH_BYTES);

/**
 * Never a slab or a region: where its free belongs, after the last use by a stream, a socket or an
 * addon, no profile proves, and one that comes too early corrupts what they send.
 */
function byRules(line, about) {
  if (!isWorthMoving(line, about)) return undefined;
  const ofArena = isKept(line) ? undefined : arenaFor(line, about);
  const known = ofArena ?? streamed(line);
  if (known !== undefined) return known;
  if (line.path === undefined)
    return collectorOf(line, about.lines) ? undefined : READ[line.sources[0]];
  const evidence = evidenceBy(line.totals);
  const { strategy, certainty } = decide(evidence);
  if (strategy !== 'request' || !mayBeChanged(line, evidence)) return undefined;
  return ofRequest(line, certainty, about);
}

function nowOf(kind, line, about) {
  if (kind === 'pin') return copied(line);
  if (kind === 'churn') return byRules(line, about) ?? [];
  const known = kind === 'outlives' ? undefined : cureOf(kind, packagesOf(line));
  return known ?? holders(about);
}

/**
 * The findings, most important first: `{ kind, line, now, says }`, the key of one of `lines`, if it
 * is of one; `says`: the sentence of a pattern. `known`: the figures of the `whole`, its `seconds`,
 * the `file` of the profile, the `program`, by what its `memory` has grown, and how many `requests`
 * there were.
 */
function findingsOf(lines, known) {
  const about = { ...known, lines };
  const { whole, seconds } = about;
  const found = ([kind, [weight, has]]) =>
    lines
      .filter((line) => line[weight] > 0 && has(line, whole, seconds))
      .sort((a, b) => b[weight] - a[weight])
      .slice(0, MOST)
      .map((line) => ({
        ...{ kind, line: line.key, bytes: line[weight], now: nowOf(kind, line, about) },
        ...(kind === 'pin' && line.keeper !== undefined && keptBy(line)),
      }));
  const [pinning, ...others] = Object.entries(KINDS).map(found);
  const patterns = patternsOf(
    lines,
    about,
    pinning.map(({ line }) => line),
  ).map(({ covers, now, isKept, ...pattern }) => ({
    ...pattern,
    now: isKept ? [...now, ...holders(about)] : now,
    covers,
  }));
  const explained = new Set(patterns.flatMap(({ covers }) => covers));
  const [leaking, kept, churning, outliving] = others.map((findings) =>
    findings.filter(({ line }) => !explained.has(line)),
  );
  /** A process with nothing unusual has some Buffers that stay. */
  const isHealthy = known.memory?.waiting !== undefined && !isUnusual(known.memory);
  const staying = kept.filter(({ bytes }) => !isHealthy || bytes >= MUCH_KEPT);
  /** What there is by other evidence than samples does not need more of them. */
  const isTold = patterns.length + pinning.length > 0;
  const isFew = whole.samples < FEW_SAMPLES;
  /** More samples of a program that hardly makes Buffers show nothing. */
  const isLittle = whole.bytes < seconds * LITTLE;
  const few = [{ kind: 'few', now: isLittle ? [] : recorded('--rate 16k', about) }];
  /** What there is something to do about comes first. */
  const actionable = churning.toSorted((a, b) => (a.now.length === 0) - (b.now.length === 0));
  const { notSeen, arrayBuffers, bytes } = whole;
  // V8 frees dead Buffers only at a later collection, so on a busy server those of the last tenths
  // of a second are garbage.
  const garbage = (bytes / seconds) * 0.5;
  const isUnseen = notSeen - garbage > 8 * LEAST_BYTES && notSeen > arrayBuffers / 4;
  const without = (known, findings) =>
    findings.filter(({ line }) => !known.some((one) => one.line === line));
  return [
    ...(isFew && !isTold ? few : []),
    ...pinning, // first: no other tool shows them
    ...patterns.map(({ covers, ...pattern }) => pattern),
    ...leaking,
    ...staying,
    // A line that pins would also have other findings: its other bytes die young, and the kept ones
    // outlive their request.
    ...without(pinning, actionable),
    // What is dead within a second keeps nothing, whether or not its response was over before.
    ...without([...pinning, ...leaking, ...churning], outliving),
    ...(isFew && isTold ? few : []),
    ...(isUnseen ? [{ kind: 'unseen', now: recorded('--rate 32k --typed-arrays', about) }] : []),
  ];
}

module.exports = { findingsOf };
