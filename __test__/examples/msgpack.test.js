'use strict';
// tier: tools

require('../helpers/unwritten.js'); // of which no byte may come out
const test = require('ava');
const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { Readable, Writable } = require('node:stream');
const { decode, decodeMulti, encode } = require('@msgpack/msgpack');
const { encodeLines, LineError } = require('../../examples/msgpack-encoder.js');
const { folder } = require('../helpers/folder.js');
const { random } = require('../helpers/random.js');

const program = path.join(__dirname, '..', '..', 'examples', 'msgpack-encoder.js');

/** Takes everything, and has its bytes. */
class Sink extends Writable {
  parts = [];

  _write(part, _encoding, done) {
    this.parts.push(Buffer.from(part));
    setImmediate(done);
  }

  get bytes() {
    return Buffer.concat(this.parts);
  }
}

/** What the lines come to: { values, bytes, bad, stats }. */
async function encoded(chunks, options) {
  const sink = new Sink();
  const bad = [];
  const onBadLine = (error) => bad.push(error);
  const stats = await encodeLines(Readable.from(chunks), sink, { onBadLine, ...options });
  return { values: [...decodeMulti(sink.bytes)], bytes: sink.bytes, bad, stats };
}

/** `bytes` in pieces of 0 to `most` bytes, wherever that cuts. */
function cut(bytes, most, next) {
  const pieces = [];
  for (let at = 0; at < bytes.length; ) {
    const piece = bytes.subarray(at, at + next(most + 1));
    pieces.push(piece);
    at += piece.length;
  }
  return pieces;
}

const WORDS = [
  '',
  'id',
  'größe',
  '名前',
  '😀',
  'x'.repeat(40),
  'line\nbreak',
  '"\\/\b\t',
  '\u0000',
];
const NUMBERS = [0, -0, 1.5, -1e300, 5e-324, 1e21, 2 ** 53, -(2 ** 53), 1 / 3];

function value(next, depth) {
  const pick = (list) => list[next(list.length)];
  const magnitude = () => Math.floor(2 ** next(54)) - next(2);
  const kinds = [
    () => null,
    () => next(2) === 0,
    () => magnitude() * (next(2) === 0 ? -1 : 1) || 0,
    () => pick(NUMBERS),
    () => pick(WORDS) + 'é'.repeat(next(100)),
    () => Array.from({ length: next(20) }, () => value(next, depth - 1)),
    () =>
      Object.fromEntries(
        Array.from({ length: next(20) }, (_, i) => [`${pick(WORDS)}${i}`, value(next, depth - 1)]),
      ),
  ];
  return kinds[next(depth > 0 ? kinds.length : 5)]();
}

test('random documents, cut anywhere between and within characters, are what JSON.parse reads', async (t) => {
  for (let seed = 1; seed <= 8; seed++) {
    const next = random(seed);
    const lines = Array.from({ length: 60 }, () => JSON.stringify(value(next, 4)));
    const text = lines.map((line) => line + ['\n', '\r\n', '\n\n', '\n \t\n'][next(4)]).join('');
    const chunks = cut(Buffer.from(text), [1, 7, 100, 20_000][seed % 4], next);
    const { values, bad, stats } = await encoded(chunks, {
      batchBytes: [1, 500, 65_536][seed % 3],
    });
    t.deepEqual(values, lines.map(JSON.parse), `seed ${seed}`);
    t.deepEqual(bad, []);
    t.is(stats.lines, lines.length);
  }
});

test('a document of 100,000 levels neither overflows the stack nor loses one', async (t) => {
  const levels = 100_000;
  const text = '[{"a":'.repeat(levels / 2) + 7 + '}]'.repeat(levels / 2);
  const { values } = await encoded([Buffer.from(text)]);
  let inner = values[0];
  for (let i = 0; i < levels / 2; i++) inner = inner[0].a;
  t.is(inner, 7);
});

/** Lines that are no JSON → what the error says is the cause. */
const badLines = {
  'not JSON': [Buffer.from('{"a":}'), 'SyntaxError'],
  'cut off': [Buffer.from('[1,2'), 'SyntaxError'],
  'not UTF-8': [Buffer.from([0x22, 0xc3, 0x28, 0x22]), 'ERR_ENCODING_INVALID_ENCODED_DATA'],
  'half a character': [Buffer.from([0x22, 0xe2, 0x82]), 'ERR_ENCODING_INVALID_ENCODED_DATA'],
  'too long': [Buffer.from(`"${'x'.repeat(5000)}"`), 'ERR_LINE_TOO_LONG'],
  'too large for the arena': [Buffer.from(`[${'-0,'.repeat(1300)}1]`), 'ERR_RALLOC_LIMIT'],
};
const small = { maxLineBytes: 4096, maxBytes: 8192, batchBytes: 256 };

for (const [name, [line, cause]] of Object.entries(badLines)) {
  test(`a line that is ${name} ends it, after what came before; with onBadLine it is left out`, async (t) => {
    const bytes = Buffer.concat([Buffer.from('1\n\n2\n'), line, Buffer.from('\n3\n')]);
    const input = () => cut(bytes, 50, random(1));
    const sink = new Sink();
    const error = await t.throwsAsync(encodeLines(Readable.from(input()), sink, small));
    t.true(error instanceof LineError);
    t.deepEqual([error.code, error.line], ['ERR_BAD_LINE', 4]);
    t.is(error.cause.code ?? error.cause.name, cause);
    t.deepEqual([...decodeMulti(sink.bytes)], [1, 2]);
    const { values, bad, stats } = await encoded(input(), small);
    t.deepEqual(values, [1, 2, 3]);
    t.deepEqual([bad.length, bad[0].line, stats.lines, stats.bad], [1, 4, 3, 1]);
  });
}

test('every width has its shortest form', async (t) => {
  const lengths = [15, 16, 31, 32, 127, 255, 256, 65_535, 65_536];
  const numbers = [7, 8, 16, 32, 53].flatMap((bits) => [2 ** bits - 1, 2 ** bits]);
  const all = [
    ...numbers.flatMap((number) => [number, -number, -number - 1]),
    ...lengths.flatMap((length) => ['x'.repeat(length), Array(length).fill(1)]),
    ...[15, 16, 65_536].map((count) => ({ ...Array.from({ length: count }, (_, i) => i) })),
  ];
  const { bytes } = await encoded([Buffer.from(all.map((one) => JSON.stringify(one)).join('\n'))]);
  t.true(bytes.equals(Buffer.concat(all.map((one) => encode(one)))));
});

test('nothing is written into a batch before the callback of its write', async (t) => {
  const seen = [];
  const slow = new Writable({
    highWaterMark: 1,
    write(part, _encoding, done) {
      const [copy, previous] = [Buffer.from(part), seen.at(-1)];
      seen.push({ part, copy });
      if (previous) t.is(previous.part.length, 0, 'the batch before is dead by now');
      setImmediate(() => {
        t.true(part.equals(copy), 'and this one as it was handed over');
        done();
      });
    },
  });
  const lines = Array.from({ length: 2000 }, (_, i) =>
    JSON.stringify({ i, text: 'é'.repeat(i % 90) }),
  );
  const stats = await encodeLines(Readable.from([Buffer.from(lines.join('\n'))]), slow, {
    batchBytes: 4096,
  });
  t.true(seen.length > 30);
  const { mapped, recycled, chunks, peak, used } = stats.memory;
  t.deepEqual([chunks, peak], [1, used], 'one chunk at a time');
  // It goes back where it idles for a second, as on a machine that stands still.
  t.true(mapped + recycled < seen.length / 4, 'and the same serves one after another');
  const values = [...decodeMulti(Buffer.concat(seen.map(({ copy }) => copy)))];
  t.deepEqual(values, lines.map(JSON.parse));
});

test('an output that fails ends it with its error, and the batch in flight stays as it is', async (t) => {
  let batch;
  const broken = new Writable({
    write(part, _encoding, done) {
      batch = part;
      setImmediate(done, new Error('no space left'));
    },
  });
  const failed = once(broken, 'close').catch(() => {});
  broken.on('error', () => {});
  await t.throwsAsync(encodeLines(Readable.from([Buffer.from('"abc"\n')]), broken), {
    message: 'no space left',
  });
  await failed;
  t.is(decode(batch), 'abc');
});

function cli(args, input) {
  const options = { input, maxBuffer: 2 ** 24 };
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], options);
  return { code: status, stdout, stderr: stderr.toString() };
}

test('as a program: from stdin or a file to stdout, with an exit code that tells', (t) => {
  const dir = folder(t);
  const file = path.join(dir, 'lines.jsonl');
  const manifest = fs.readFileSync(path.join(__dirname, '..', '..', 'package.json'), 'utf8');
  const values = Array.from({ length: 500 }, (_, i) => ({ i, ...JSON.parse(manifest) }));
  const text = values.map((one) => JSON.stringify(one)).join('\n');
  fs.writeFileSync(file, text);

  for (const [args, input] of [
    [[], text],
    [[file], ''],
  ]) {
    const { code, stdout, stderr } = cli(args, input);
    t.is(code, 0, stderr);
    t.deepEqual([...decodeMulti(stdout)], values);
  }
  const stopped = cli([], '1\nno\n2\n');
  t.is(stopped.code, 1);
  t.regex(stopped.stderr, /^line 2: /);
  t.deepEqual([...stopped.stdout], [1]);
  const skipped = cli(['--skip-bad'], '1\nno\n2\n');
  t.is(skipped.code, 1);
  t.regex(skipped.stderr, /^line 2: /);
  t.deepEqual([...skipped.stdout], [1, 2]);
  t.is(cli(['--fast'], '').code, 2);
  const missing = cli([path.join(dir, 'missing')], '');
  t.is(missing.code, 1);
  t.regex(missing.stderr, /ENOENT/);
});

test('as a program whose reader goes away: it ends, and says nothing', async (t) => {
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  child.stdin.on('error', () => {}); // it stops reading too
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  const line = `${JSON.stringify({ text: 'x'.repeat(1000) })}\n`;
  const feed = () => child.stdin.write(line.repeat(1000));
  child.stdin.on('drain', feed);
  feed();
  await once(child.stdout, 'readable');
  child.stdout.destroy();
  const [code, signal] = await closed;
  t.deepEqual([code, signal, stderr], [0, null, '']);
});
