'use strict';

// A record as it was read, with nothing in it but what a record has: numbers that memory and time
// can have, texts that are short, lists that are no longer than they can be.

const MOST_TEXT = 400;
const MOST_ROWS = 64;

const isNumber = (value) => typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER;
const number = (value) => (isNumber(value) ? value : undefined);
const text = (value) => (typeof value === 'string' ? value.slice(0, MOST_TEXT) : undefined);
const word = (value) => text(value) ?? '?';
const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

/** What cleans an object: field -> what cleans it. */
const shape = (fields) => (value) =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([name, clean]) => {
      const found = clean(isObject(value) ? value[name] : undefined);
      return found === undefined ? [] : [[name, found]];
    }),
  );

const list = (clean) => (value) =>
  Array.isArray(value) ? value.slice(0, MOST_ROWS).map((one) => clean(one)) : [];

const numbers = (...names) => shape(Object.fromEntries(names.map((name) => [name, number])));

const PARTS = [
  ...['heapUsed', 'heapKept', 'buffers', 'garbage', 'ralloc'],
  ...['mallocKept', 'zlib', 'code', 'native'],
];

const split = shape({ rss: number, parts: numbers(...PARTS) });
const row = { count: number, bytes: number, largest: number, oldestMs: number };
/** A row of numbers, with 0 for those that are missing. */
const figures = (least) => (value) => {
  const all = list(number)(value).map((one) => one ?? 0);
  return [...all, ...new Array(Math.max(0, least - all.length)).fill(0)];
};

/** The signal that asked a process to end; undefined without one, or its time. */
const asked = (value) => {
  const { signal, at } = shape({ signal: text, at: number })(value);
  return signal === undefined || at === undefined ? undefined : { signal, at };
};

const cleanRecord = shape({
  process: shape({
    ...{ pid: number, host: word, ns: text, born: text, started: number, app: text },
    ...{ node: word, v8: text, ralloc: word, system: word, flags: text, reports: text },
  }),
  limits: numbers('cgroup', 'rlimit', 'machine', 'heap', 'oldSpace'),
  group: shape({ file: text, inode: number }),
  kills: number,
  asked,
  first: split,
  now: split,
  groupUsed: number,
  data: number,
  arrayBuffers: number,
  ring: list(figures(9)),
  lines: list(shape({ at: text, bytes: number, grown: number, buffers: number })),
  requests: list(shape({ route: word, ...row })),
  waiting: list(shape({ kind: word, ...row })),
  pool: numbers('asked', 'alive', 'since', 'size', 'perBuffer'),
  admission: numbers('waiting', 'refused'),
  memoryLimit: numbers('limit', 'waited', 'stops', 'refused'),
  collections: list(figures(2)),
});

const cleanBeat = shape({ rss: number, groupUsed: number, blockedMs: number, last: text });
const cleanEnd = shape({
  ...{ how: text, code: number, signal: text, name: text, at: text },
  rss: number,
});

module.exports = { cleanBeat, cleanEnd, cleanRecord };
