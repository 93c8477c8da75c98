// Who takes part in each application. The first is the base of all ratios.

const fs = require('node:fs');
const path = require('node:path');
const { FLAG, known, one } = require('../../demo/contenders.js');

const PLAIN = [one('plain'), one('plain + flag', { allocator: 'plain', execArgv: [FLAG] })];
const RALLOC = [
  one('ralloc'),
  one('ralloc + flag', { allocator: 'ralloc', execArgv: [FLAG] }),
  one('fallback', { allocator: 'ralloc', env: { RALLOC_BACKEND: 'js' } }),
];
const PRELOAD = path.join(__dirname, '..', '..', 'lib', 'auto', 'preload.js');

/** What nobody changed, after `node --require ralloc/auto`. */
const preloaded = (name, { execArgv = [], env = {} } = {}) =>
  one(name, { allocator: 'plain', execArgv: ['--require', PRELOAD, ...execArgv], env });

const UNCHANGED = RALLOC.map((variant) => preloaded(variant.name, variant));
const NAMES = [
  'plain',
  'plain + flag',
  'empty middleware',
  'auto',
  'ralloc',
  'ralloc + flag',
  'fallback',
];

function variantsOf({ empty, ralloc }) {
  const nothing = empty === undefined ? [] : [one('empty middleware', { allocator: 'empty' })];
  const changed = ralloc === undefined ? UNCHANGED : [preloaded('auto'), ...RALLOC];
  return [...PLAIN, ...nothing, ...changed];
}

/** Those of `application` that this Node can run, of `names`, if they are given; `plain` is always one. */
const variantsOn = (node, application, names = NAMES) =>
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

module.exports = { NAMES, fileOf, linesChanged, variantsOn };
