'use strict';
// tier: run-time

const test = require('ava');
const { requestArena } = require('../..');
const { run } = require('../helpers/child.js');
const { fresh } = require('../helpers/fresh.js');

test('a warning is given once for each cause, with a code and the type RallocWarning, and printed in one line', async (t) => {
  const { code, stderr, result } = await run('base/warns.js');
  t.is(code, 0, stderr);
  t.deepEqual(
    result.map(({ code: warning }) => warning),
    ['RALLOC_HOLD_EXPIRED', 'RALLOC_QUARANTINE_HIGH'],
  );
  for (const { name, message } of result) {
    t.is(name, 'RallocWarning');
    t.notRegex(message, /undefined|\n/);
  }
  const lines = stderr.split('\n').filter((line) => line.includes('RALLOC_HOLD_EXPIRED'));
  t.is(lines.length, 1);
  t.regex(lines[0], /RallocWarning: a hold of an arena was not released within 0\.02 s/);
});

/** warnOnce() without a past, and what it has emitted. */
function warner() {
  const { warnOnce } = fresh('base/warnings.js');
  const emitted = [];
  const warn = (...given) => {
    const { emitWarning } = process;
    process.emitWarning = (text, { code }) => emitted.push(`${code}: ${text}`);
    try {
      warnOnce(...given);
    } finally {
      process.emitWarning = emitWarning;
    }
  };
  return { warn, emitted };
}

test('a code is warned of once, whatever the detail', (t) => {
  const { warn, emitted } = warner();
  const request = 'GET /events';
  warn('RALLOC_LEASED_LONG', { request, bytes: 1536, seconds: 60 });
  warn('RALLOC_LEASED_LONG', { request, bytes: 9, seconds: 90 });
  warn('RALLOC_HEAP_FALLBACK', 'why');
  t.deepEqual(emitted, [
    'RALLOC_LEASED_LONG: GET /events has had its arena for 60 s, and keeps all 1.5 KiB that it has allocated. A long stream should call req.arena.reset() between its messages',
    'RALLOC_HEAP_FALLBACK: requests get heap Buffers for now: why',
  ]);
});

test('causes that are objects are warned of once each', (t) => {
  const { warn, emitted } = warner();
  const causes = [{}, {}];
  for (let i = 0; i < 3; i++) for (const cause of causes) warn('RALLOC_QUARANTINE_HIGH', i, cause);
  t.is(emitted.length, 2);
  warn('RALLOC_QUARANTINE_HIGH', 60);
  t.is(emitted.length, 3, 'and the code itself');
  warn('RALLOC_BODY_UNREAD', 'POST /', causes[0]);
  t.is(emitted.length, 4, 'and another code of the same cause');
});

test('a request that goes on after its response is told of with what to do', (t) => {
  const { warn, emitted } = warner();
  warn('RALLOC_USED_LATE', { request: 'GET /path', answer: '200', isDead: true });
  t.regex(
    emitted[0],
    /^RALLOC_USED_LATE: GET \/path, answered with 200, allocates after the end.*Buffers are dead/,
  );
  t.regex(emitted[0], /Await such work before the response, or hold\(\) it$/);
  warn('RALLOC_USED_LATE', { request: 'GET /path', answer: '503 9 ms ago', isDead: false }, {});
  t.regex(emitted[1], /: GET \/path, answered with 503 9 ms ago, .* stay as they are until V8/);
  t.notRegex(emitted[1], /dead/);
  warn('RALLOC_USED_LATE', { request: 'GET /path', answer: undefined, isDead: false }, {});
  t.regex(emitted[2], /: GET \/path allocates after its end: a request that no server answers/);
  t.notRegex(emitted[2], /undefined|dead/);
});

test('what is told of memory that waits names options that there are, and what they do', (t) => {
  const { warn, emitted } = warner();
  warn('RALLOC_QUARANTINE_HIGH', 65 * 1024 * 1024);
  warn('RALLOC_OPERATION_LONG', 30);
  t.regex(
    emitted[0],
    /no arena memory.*65 MiB wait.*5xx.*'gc'.*"maxQuarantineBytes", and "maxBytes"/,
  );
  t.regex(
    emitted[1],
    /still uses a Buffer of an arena 30 s after the arena's reset.*deadline.*"holdMs"/,
  );
  const options = new Set(emitted.join().match(/(?<=")\w+(?=")/g));
  t.deepEqual([...options], ['maxQuarantineBytes', 'maxBytes', 'holdMs']);
  for (const name of options) t.notThrows(() => requestArena({ [name]: 1 << 24 }), name);
});

test('one stuck Buffer and several are told of in good English', (t) => {
  const { warn, emitted } = warner();
  const slab = { name: 'frames', size: 64, age: 1234.5 };
  warn('RALLOC_SLOT_STUCK', { ...slab, count: 1 }, {});
  warn('RALLOC_SLOT_STUCK', { ...slab, count: 2 }, {});
  t.regex(emitted[0], /: 1 Buffer of 64 bytes of the slab 'frames' is held, the first for 1235 ms/);
  t.regex(emitted[1], /: 2 Buffers of 64 bytes of the slab 'frames' are held/);
});
