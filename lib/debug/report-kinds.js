'use strict';

// The texts of reports, one for each kind: what happened to which Buffer, its stacks, and what to
// do about it. They are for the person who has to find the line.

const { formatBytes } = require('../base/bytes.js');
const { deaths } = require('../base/errors.js');

const count = (n, noun) => (n === 1 ? `a ${noun}` : `${n} ${noun}s`);
const time = (ms) => (ms < 10_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 1000)} s`);
const upper = (text) => `${text[0].toUpperCase()}${text.slice(1)}`;

const ofWhat = ({ of }) => (of === undefined ? '' : ` of ${of}`);
const forWhom = ({ request }) => (request === undefined ? '' : ` (allocated for ${request})`);
const sizeOf = ({ size }) => (size === undefined ? '' : ` of ${formatBytes(size)}`);

/** `a Buffer of 1 KiB of the arena 'frames' (allocated for GET /orders)` */
const buffer = (r) => `a Buffer${sizeOf(r)}${ofWhat(r)}${forWhom(r)}`;

/** `3 Buffers (12 KiB) of the slab 'frames', the oldest for 1200 ms` */
function buffers(r) {
  const what = `${count(r.count, 'Buffer')} (${formatBytes(r.bytes)})${ofWhat(r)}${forWhom(r)}`;
  if (r.age === undefined) return what;
  return `${what}, ${r.count === 1 ? 'for' : 'the oldest for'} ${time(r.age)},`;
}

const isAre = (r) => (r.count === 1 ? 'is' : 'are');
const why = ({ how }) => (deaths[how] === undefined ? '' : `: ${deaths[how]}`);
/** After a 5xx the memory of a request is still there, in case the handler continues. */
const life = ({ status }) => (status === undefined ? 'dead' : 'quarantined');
const state = (r) => {
  const answered = r.status === undefined ? '' : `, with a ${r.status}`;
  return `${life(r)}${why(r)}${answered}`;
};
const clause = ({ detail }) => (detail === undefined ? '' : `: ${detail}`);
const times = (r) => (r.count === 1 ? '' : `, ${r.count} times`);
const since = ({ age }) => (age === undefined ? '' : ` after ${time(age)}`);

/** How the memory ended, as the heading of a stack. */
const ENDS = {
  reset: 'reset',
  rewind: 'rewound',
  scope: 'ended with its scope',
  close: 'closed',
  response: 'reset',
  slab: 'closed with its slab',
  region: 'closed with its region',
  freed: 'freed',
  sent: 'sent',
  transferred: 'transferred',
};

function endOf({ how, endedBy }) {
  const by = endedBy === undefined ? '' : `, by the end of ${endedBy},`;
  return `${ENDS[how] ?? 'ended'}${by}`;
}

const headings = {
  allocated: () => 'allocated at',
  ended: (r) => `${endOf(r)} at`,
  operation: () => 'operation begun at',
  used: () => 'used at',
};

/** `own`: the headings of this kind. */
function stacks(r, own = {}) {
  return Object.keys(headings)
    .filter((name) => r[name] !== undefined)
    .map((name) => `\n  ${own[name] ?? headings[name](r)}\n${r[name]}`)
    .join('');
}

/**
 * `says(report)`: the first line; `todo(report)`: the last; `own`: headings other than the usual.
 */
const kind = (code, says, todo, own) => ({
  code,
  text: (r) => `${says(r)}${stacks(r, own)}\n  ${upper(todo(r))}`,
});

const LONGER =
  'take copyOut(buffer) of what you need longer, hold() the arena until the work is done, or do the work before that';
const AWAIT =
  'await such work before the response, hold() the arena for it, or give it copyOut(buffer)';

const kinds = {
  'use-after-reset': kind(
    'RALLOC_W_USE_AFTER_RESET',
    (r) => `${r.use ?? 'something'} was given ${buffer(r)}, which is ${state(r)}`,
    (r) => (r.how === 'response' ? AWAIT : LONGER),
  ),
  'use-after-free': kind(
    'RALLOC_W_USE_AFTER_FREE',
    (r) => `${r.use ?? 'something'} was given ${buffer(r)}, which is dead${why(r)}`,
    (r) =>
      r.how === 'sent'
        ? 'send a Buffer only after its last use here: then the other side owns it'
        : 'call free() after the last use of a Buffer, and keep no subarray of it',
  ),
  'double-free': kind(
    'RALLOC_W_DOUBLE_FREE',
    (r) => `${buffer(r)} was freed or sent twice`,
    () => 'let one place own the Buffer, and free it only there',
    { used: 'a second time at' },
  ),
  'write-after-free': kind(
    'RALLOC_W_WRITE_AFTER_FREE',
    (r) => `the memory of ${buffer(r)} was written when it was dead${clause(r)}`,
    () =>
      'an operation or a native addon that was given the Buffer earlier writes to it: free or reset it in the callback of that operation',
  ),
  overrun: kind(
    'RALLOC_W_OVERRUN',
    (r) => `something wrote outside of ${buffer(r)}${clause(r)}`,
    () =>
      'look for a call that was given this Buffer with a length or an offset of its own, and for views of its "buffer"',
  ),
  kept: kind(
    'RALLOC_W_KEPT',
    (r) => `${buffers(r)} ${isAre(r)} ${life(r)}, and still reachable from somewhere${why(r)}`,
    () => 'keep copyOut(buffer) instead, or drop the reference with the request',
  ),
  leak: kind(
    'RALLOC_W_LEAK',
    (r) => `${buffers(r)} ${isAre(r)} not freed${clause(r)}`,
    () => 'each needs a free(), also if the work fails',
  ),
  stuck: kind(
    'RALLOC_W_STUCK',
    (r) => `${buffers(r)} ${isAre(r)} out for too long${clause(r)}`,
    (r) =>
      r.request === undefined
        ? 'each needs a free(). If this is usual, raise "warnAfterMs"'
        : 'a long stream should call req.arena.reset() between its messages. If this is usual, raise "warnAfterMs"',
  ),
  'hold-leaked': kind(
    'RALLOC_W_HOLD_LEAKED',
    (r) =>
      `${count(r.count, 'hold')} of ${r.request ?? r.of ?? 'an arena'} ${isAre(r)} not released${since(r)}`,
    () =>
      'release every hold, also if the operation fails: await arena.hold(promise) does that by itself',
    { operation: 'held at' },
  ),
  'not-closed': kind(
    'RALLOC_W_NOT_CLOSED',
    (r) => `${r.of ?? 'an arena'} was not closed${times(r)}${clause(r)}`,
    () => 'call close() when you no longer need it, or declare it with `using`',
    { allocated: 'made at' },
  ),
  'in-flight': kind(
    'RALLOC_W_IN_FLIGHT',
    (r) => `${buffer(r)} ended while ${r.use ?? 'an operation'} used it${why(r)}`,
    () => 'await the operation before that, or hold() the arena for it: arena.hold(promise)',
  ),
  shared: kind(
    'RALLOC_W_SHARED',
    (r) => `${r.use ?? 'something'} was given the whole ArrayBuffer of ${buffer(r)}${clause(r)}`,
    () => 'give it copyOut(buffer): other Buffers lie in the same ArrayBuffer',
  ),
};

module.exports = { count, kinds, time };
