// Who takes part in each application. The first is the base of all ratios.

const fs = require('node:fs');
const path = require('node:path');
const { FLAG, known, one } = require('../../demo/contenders.js');

const VARIANTS = [
  one('plain'),
  one('plain + flag', { allocator: 'plain', execArgv: [FLAG] }),
  one('empty middleware', { allocator: 'empty' }), // where an application has one
  one('auto'), // and where ralloc/auto changes another one than `ralloc`
  one('ralloc'),
  one('ralloc + flag', { allocator: 'ralloc', execArgv: [FLAG] }),
  one('fallback', { allocator: 'ralloc', env: { RALLOC_BACKEND: 'js' } }),
];

/** Those of `application` that this Node can run. */
const variantsOn = (node, application) =>
  known(node, VARIANTS).able.filter(({ allocator }) => allocator in application);

const fileOf = (application, variant) => path.join(__dirname, 'servers', application[variant]);

const linesOf = (file) =>
  fs
    .readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim()) // what is only indented is not changed
    .filter((line) => line !== '');

/** How many lines the variant `ralloc` has that `plain` has not. */
function linesChanged(application) {
  const plain = linesOf(fileOf(application, 'plain'));
  return linesOf(fileOf(application, 'ralloc')).filter((line) => {
    const at = plain.indexOf(line);
    if (at >= 0) plain.splice(at, 1);
    return at < 0;
  }).length;
}

module.exports = { VARIANTS, fileOf, linesChanged, variantsOn };
