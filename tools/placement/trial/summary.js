'use strict';

// The summary of a trial, told at its end in a few lines.

const { formatBytes, counted, whole } = require('../../../lib/base/bytes.js');
const { FIELDS } = require('./counts.js');
const { APPLIED, COMPILED, CONFLICT, EDITED, OTHER, WRONG } = require('./states.js');

const MOST_LINES = 8;
const MOST_FILES = 3;

/** The reasons why a file was loaded but not changed. */
const REASONS = [
  [APPLIED, '"ralloc apply" has changed it'],
  [
    OTHER,
    'the file was changed since the table was baked, and a line of it is not found any more, or may not be changed. Record and bake again',
  ],
  [COMPILED, 'something else compiles the file, as tsx, ts-node and test runners do'],
  [CONFLICT, 'the file contains the name that was to be put there'],
  [WRONG, 'no such call stands there: the table was changed by hand. Bake again'],
];

/** Test runners that load files without Node's hooks, by the variables that they set. */
const RUNNERS = { JEST_WORKER_ID: 'jest', VITEST: 'vitest' };

const runnerOf = (env) => RUNNERS[Object.keys(RUNNERS).find((name) => env[name] !== undefined)];

/**
 * Adds up the notes of a run's processes, `{ sites, mounts, resets, runner }`: counts and states of
 * the same sites.
 */
function sumOf(notes) {
  const sites = new Map();
  for (const site of notes.flatMap((note) => note.sites)) {
    const sum = sites.get(site.key);
    if (sum === undefined) {
      sites.set(site.key, { ...site });
      continue;
    }
    for (const name of FIELDS) sum[name] += site[name];
    sum.state |= site.state;
  }
  return {
    sites: [...sites.values()],
    mounts: notes.reduce((sum, { mounts }) => sum + mounts, 0),
    resets: notes.reduce((sum, { resets }) => sum + resets, 0),
    runner: notes.find(({ runner }) => runner !== undefined)?.runner,
  };
}

/** TypeScript and JSX, whose compiler may read the file itself after the hooks have seen it. */
const IS_COMPILED = /\.(?:[cm]?ts|tsx|jsx)$/;

/** Why a site was never reached within requests; undefined if it was. */
function whyNone({ why, name, state, inside, outside }, { mounts, runner }) {
  if (why !== undefined) return `left: ${why}`;
  if (inside > 0) return undefined;
  if ((state & EDITED) === 0) {
    const [, reason] = REASONS.find(([bit]) => (state & bit) !== 0) ?? [];
    if (reason !== undefined) return `left: ${reason}`;
    return runner === undefined
      ? 'its file was not loaded, or by something else than Node'
      : `${runner} loads files past the hooks of Node`;
  }
  if (outside === 0) {
    const other = IS_COMPILED.test(name)
      ? ', or something else compiled the file, as tsx and ts-node do'
      : '';
    const before = (state & APPLIED) !== 0 ? ', or "ralloc apply" has changed it' : '';
    const less = (state & OTHER) !== 0 ? ', or its call may not be changed any more' : '';
    return `never reached${less}${before}${other}`;
  }
  return mounts === 0
    ? 'no request had an arena'
    : 'ran only where current() is undefined: outside of requests, or in listeners, which AsyncResource.bind() binds to one';
}

function headOf({ sites }) {
  const sum = (name) => sites.reduce((all, site) => all + site[name], 0);
  const active = sites.filter(({ allocated }) => allocated > 0).length;
  if (sites.length === 0)
    return 'the table proves of no line that its Buffers die with their request. To try what it suggests: --suggested';
  const heap = sum('heap');
  const head = `${active} of ${counted(sites.length, 'site')} ${active === 1 || sites.length === 1 ? 'was' : 'were'} active`;
  if (active === 0 && heap === 0) return head;
  const allocated = `${counted(sum('allocated'), 'Buffer')} (${formatBytes(sum('bytes'))}) from arenas of requests`;
  const full = heap === 0 ? '' : `${whole(heap)} of V8's heap, as the arenas were full, `;
  return `${head}: ${allocated}, ${full}${whole(sum('outside'))} outside of requests`;
}

/** If it is unknown which of several lines a Buffer comes from, each of them is reported. */
function usesOf({ dead, perhaps }) {
  const uses = `${counted(dead + perhaps, 'use')} of dead Buffers`;
  if (perhaps === 0) return uses;
  const which = dead === 0 ? '' : `${whole(perhaps)} of them `;
  return `${uses}, ${which}of this line or of another one of the same requests`;
}

function namesOf(files) {
  const rest = files.length - MOST_FILES;
  const more = rest > 0 ? ` and ${counted(rest, 'file')} more` : '';
  return `${files.slice(0, MOST_FILES).join(', ')}${more}`;
}

/**
 * Why sites returned no Buffers of arenas. A reason that all share is reported once, for example a
 * test runner; so is one that several sites of a file share.
 */
function reasonsOf(sites, how) {
  const nones = sites
    .map((site) => ({ ...site, reason: whyNone(site, how) }))
    .filter(({ reason }) => reason !== undefined);
  const groups = new Map(); // file and reason -> sites
  for (const site of nones) {
    const key = `${site.name}: ${site.reason}`;
    groups.set(key, [...(groups.get(key) ?? []), site]);
  }
  const [first] = nones;
  const isOne = nones.every(({ reason }) => reason === first.reason);
  const files = [...new Set(nones.map(({ name }) => name))];
  if (nones.length > 2 && files.length > 1 && isOne) {
    return [`${counted(nones.length, 'site')} of ${namesOf(files)}: ${first.reason}`];
  }
  return [...groups.values()].map(([{ key, name, reason }, ...others]) =>
    others.length === 0
      ? `${key}: ${reason}`
      : `${name}: ${counted(others.length + 1, 'site')}: ${reason}`,
  );
}

/**
 * The lines of the summary, the most important ones first: dead Buffers, kept Buffers, unchanged
 * sites.
 */
function linesOf(summary) {
  const { sites, mounts, resets, runner } = summary;
  const dead = sites
    .filter((site) => site.dead + site.perhaps > 0)
    .map((site) => `${site.key}: ${usesOf(site)}. Take copyOut(buffer), or hold() it`);
  const refused = sites
    .map((site) => ({ ...site, refused: site.inside - site.allocated - site.heap }))
    .filter((site) => site.refused > 0)
    .map(
      (site) =>
        `${site.key}: ${counted(site.refused, 'call')} within requests went to Buffer: the size is no integer, the value is an ArrayBuffer or a list, or Buffer refused it`,
    );
  const isAllocated = sites.some(({ allocated }) => allocated > 0);
  const reset =
    resets > 0 && isAllocated
      ? [
          `The program called reset() or rewind() of requests' arenas, ${counted(resets, 'time')}: Buffers of these lines end there too`,
        ]
      : [];
  const kept = sites
    .filter((site) => site.kept > 0)
    .map(
      ({ key, kept: n, looked }) =>
        `${key}: kept past its response: ${whole(n)} of ${whole(looked)} looked at`,
    );
  const wanted = sites.filter((site) => site.why === undefined);
  const isUnmounted = mounts === 0 && wanted.some(({ state }) => (state & EDITED) !== 0);
  const noMount = isUnmounted
    ? ['No requestArena() was made: until requests have arenas, all Buffers are those of Node']
    : [];
  const left = reasonsOf(sites, { mounts, runner });
  const all = [...dead, ...refused, ...reset, ...kept, ...noMount, ...left];
  const rest = all.length - MOST_LINES;
  const lines = rest > 1 ? [...all.slice(0, MOST_LINES), `and ${rest} lines more`] : all;
  return [headOf(summary), ...lines].map((line) => `ralloc: trial: ${line}`);
}

module.exports = { linesOf, runnerOf, sumOf };
