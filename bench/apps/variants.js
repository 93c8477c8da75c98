// Who takes part in each application. The first is the base of all ratios.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { FLAG, known, one } = require('../../demo/contenders.js');

const PLAIN = [one('plain'), one('plain + flag', { allocator: 'plain', execArgv: [FLAG] })];
const RALLOC = [
  one('ralloc'),
  one('ralloc + flag', { allocator: 'ralloc', execArgv: [FLAG] }),
  one('fallback', { allocator: 'ralloc', env: { RALLOC_BACKEND: 'js' } }),
];
const ROOT = path.join(__dirname, '..', '..');
const AUTO = path.join(ROOT, 'lib', 'auto', 'preload.js');

/** What nobody changed, after `node --require` of what `preload` names. */
const preloaded = (name, { execArgv = [], env = {} } = {}, preload = AUTO) =>
  one(name, { allocator: 'plain', execArgv: ['--require', preload, ...execArgv], env });

/** `ralloc profile`, of which nothing is kept. */
const PROFILE = preloaded(
  'profile',
  { env: { RALLOC_PROFILE_FILE: path.join(os.tmpdir(), `ralloc-bench-${process.pid}.jsonl`) } },
  path.join(ROOT, 'tools', 'recorder', 'preload.js'),
);

/** Removes what it has recorded. */
const forget = () => fs.rmSync(PROFILE.env.RALLOC_PROFILE_FILE, { force: true });

const EMPTY = one('empty middleware', { allocator: 'empty' });
const BY_AUTO = preloaded('auto');
const UNCHANGED = RALLOC.map((variant) => preloaded(variant.name, variant));
const USUAL = [...PLAIN, EMPTY, BY_AUTO, ...RALLOC].map(({ name }) => name);
const BY_AUTO_WITH_FLAG = preloaded('auto + flag', { execArgv: [FLAG] });
const HEAP = preloaded('plain + heap', {}, path.join(__dirname, 'heap.js'));
const NAMES = [...USUAL, BY_AUTO_WITH_FLAG.name, PROFILE.name, HEAP.name];

function variantsOf({ empty, ralloc }) {
  const nothing = empty === undefined ? [] : [EMPTY];
  const changed = ralloc === undefined ? UNCHANGED : [BY_AUTO, BY_AUTO_WITH_FLAG, ...RALLOC];
  return [...PLAIN, ...nothing, ...changed, PROFILE, HEAP];
}

/** Those of `application` that this Node can run, of `names`; `plain` is always one. */
const variantsOn = (node, application, names = USUAL) =>
  known(
    node,
    variantsOf(application).filter(({ name }) => name === 'plain' || names.includes(name)),
  ).able;

const fileOf = (application, variant) => path.join(__dirname, 'servers', application[variant]);

const linesOf = (file) =>
  fs
    .readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim()) // what is only indented is not changed
    .filter((line) => line !== '');

/** How many lines the variant `ralloc` has that `plain` has not. */
function linesChanged(application) {
  if (application.ralloc === undefined) return 0;
  const plain = linesOf(fileOf(application, 'plain'));
  return linesOf(fileOf(application, 'ralloc')).filter((line) => {
    const at = plain.indexOf(line);
    if (at >= 0) plain.splice(at, 1);
    return at < 0;
  }).length;
}

module.exports = { NAMES, USUAL, fileOf, forget, linesChanged, variantsOn };
