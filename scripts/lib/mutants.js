'use strict';

// The mutants of scripts/mutants/, read and checked. scripts/mutants.js runs them.

const fs = require('node:fs');
const path = require('node:path');

/**
 * A group of scripts/mutants/: of one file, with the tests of its mutants.
 * @typedef {object} Group
 * @property {string} file in lib/, or one of tools/ with the name of that
 * @property {string[]} tests files in __test__/, of which one must fail
 * @property {Record<string, string>} [env] of the tests
 * @property {Record<string, [find: string, replace: string, more?: object]>} mutants by what they do; `find` is
 *   in the file exactly once. `more`: `tests` and `env` of its own, or `equivalent`, which says why no test
 *   can tell it from the original; it is not run then. `since`: the [major, minor] of the first Node on which a test can, and it is run
 */

/** The file of a mutant. */
const fileOf = (root, file) => path.join(root, file.startsWith('tools/') ? '' : 'lib', file);

/** @param {Group} group */
function mutantsOf({ mutants, ...common }) {
  const noun = path.basename(common.file, '.js');
  return Object.entries(mutants).map(([what, [find, replace, more]]) => {
    return { ...common, name: `${noun}: ${what}`, find, replace, ...more };
  });
}

/** All mutants; `from` is the file in scripts/mutants/ that has them. */
function readMutants(root) {
  const folder = path.join(root, 'scripts', 'mutants');
  return fs.readdirSync(folder).flatMap((from) => {
    const mutants = require(path.join(folder, from)).flatMap(mutantsOf);
    return mutants.map((mutant) => ({ ...mutant, from }));
  });
}

/** What is wrong with a mutant; null if nothing. */
function flawOf({ name, file, find, replace, tests, equivalent }, all, root) {
  if (all.filter((one) => one.name === name).length > 1) return 'the name is not unique';
  const source = fs.readFileSync(fileOf(root, file), 'utf8');
  const count = source.split(find).length - 1;
  if (count !== 1) return `its text is ${count} times in ${file}`;
  if (find === replace) return 'it changes nothing';
  if (equivalent !== undefined) return null;
  const absent = tests.find((one) => !fs.existsSync(path.join(root, '__test__', one)));
  return tests.length === 0 || absent !== undefined ? `there is no test ${absent}` : null;
}

const [nodeMajor, nodeMinor] = process.versions.node.split('.').map(Number);

/** Whether a test can kill the mutant on this Node. */
const isRun = ({ equivalent, since: [major, minor] = [0, 0] }) =>
  equivalent === undefined && (nodeMajor > major || (nodeMajor === major && nodeMinor >= minor));

module.exports = { isRun, fileOf, readMutants, flawOf };
