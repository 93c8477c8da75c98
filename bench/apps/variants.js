// Who takes part in each application. The first is the base of all ratios.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { FLAG, known, one } = require('../../demo/contenders.js');

const ROOT = path.join(__dirname, '..', '..');
const inRoot = (...names) => path.join(ROOT, ...names);

/** What nobody changed, after `node --require` of `preload`. */
const preloaded = (name, preload, { execArgv = [], env } = {}) =>
  one(name, { allocator: 'plain', execArgv: ['--require', preload, ...execArgv], env });

const AUTO = inRoot('lib', 'auto', 'preload.js');
const RECORDED = path.join(os.tmpdir(), `ralloc-bench-${process.pid}.jsonl`);

/** Removes what `profile` has recorded. */
const forget = () => fs.rmSync(RECORDED, { force: true });

const WITH_FLAG = { execArgv: [FLAG] };
const PLAIN = [one('plain'), one('plain + flag', { allocator: 'plain', ...WITH_FLAG })];
const EMPTY = one('empty middleware', { allocator: 'empty' });
const BY_AUTO = preloaded('auto', AUTO);
const RALLOC = [
  one('ralloc'),
  one('ralloc + flag', { allocator: 'ralloc', ...WITH_FLAG }),
  one('fallback', { allocator: 'ralloc', env: { RALLOC_BACKEND: 'js' } }),
];
/** Those that are measured only by their name. */
const NAMED = [
  preloaded('auto + flag', AUTO, WITH_FLAG),
  preloaded('auto + recorder', AUTO, { env: { RALLOC_FLIGHT_RECORDER: 'on' } }),
  preloaded('auto + limit', AUTO, { env: { RALLOC_MEMORY_LIMIT: 'container' } }),
  preloaded('profile', inRoot('tools', 'recorder', 'preload.js'), {
    env: { RALLOC_PROFILE_FILE: RECORDED },
  }),
  preloaded('plain + heap', path.join(__dirname, 'heap.js')),
  ...['sample', 'full'].map((level) =>
    one(`debug, ${level}`, { allocator: 'ralloc', env: { RALLOC_DEBUG: level } }),
  ),
];

const USUAL = [...PLAIN, EMPTY, BY_AUTO, ...RALLOC].map(({ name }) => name);
const NAMES = [...USUAL, ...NAMED.map(({ name }) => name)];

function variantsOf({ empty, ralloc }) {
  const nothing = empty === undefined ? [] : [EMPTY];
  if (ralloc !== undefined) return [...PLAIN, ...nothing, BY_AUTO, ...RALLOC, ...NAMED];
  const unchanged = RALLOC.map((variant) => preloaded(variant.name, AUTO, variant));
  return [
    ...PLAIN,
    ...nothing,
    ...unchanged,
    ...NAMED.filter(({ name }) => !/^(auto|debug)/.test(name)),
  ];
}

/** Those of `application` that this Node can run, of `names`; `plain` is always one. */
function variantsOn(node, application, names = USUAL) {
  const wanted = variantsOf(application).filter(
    ({ name }) => name === 'plain' || names.includes(name),
  );
  const { execArgv = [] } = application;
  return known(node, wanted).able.map((variant) => ({
    ...variant,
    execArgv: [...execArgv, ...variant.execArgv],
  }));
}

const fileOf = (application, variant) => path.join(__dirname, 'servers', application[variant]);

const linesOf = (file) =>
  fs
    .readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim()) // what is only indented is not changed
    .filter((line) => line !== '');

/**
 * How many lines the variant `ralloc` has that `plain` has not; null where `ralloc apply` has
 * written them.
 */
function linesChanged(application) {
  if (application.ralloc === undefined) return 0;
  if (application.isApplied) return null;
  const plain = linesOf(fileOf(application, 'plain'));
  return linesOf(fileOf(application, 'ralloc')).filter((line) => {
    const at = plain.indexOf(line);
    if (at >= 0) plain.splice(at, 1);
    return at < 0;
  }).length;
}

module.exports = { NAMES, USUAL, fileOf, forget, linesChanged, variantsOn };
