'use strict';

// How much of the RSS of servers that take too much memory is left at rest under `ralloc run`:
//
//   npm run soak -- reports [multer fetch …]
//
// Prints a row for each. Takes some minutes. What `ralloc report` says of them is compared by diagnose.js.

const { CORPUS } = require('./reports/corpus.js');
const { RALLOC, install, run } = require('./reports/harness.js');

const MiB = 2 ** 20;
const told = (bytes) => `${Math.round(bytes / MiB)} MiB`;

async function rowOf(name) {
  const row = CORPUS[name];
  const { rest: plain } = await run(row, [`${name}.js`], {});
  const launched = [RALLOC, 'run', '--', process.execPath, `${name}.js`];
  const { rest } = await run(row, launched, { isLaunched: true });
  const share = rest / plain;
  const isLow = row.most === undefined || share <= row.most;
  const goal = row.most === undefined ? '' : ` (at most ${row.most}${isLow ? '' : ': MISSED'})`;
  console.log([row.report, told(plain), told(rest), `${share.toFixed(2)}${goal}`].join(' | '));
  return isLow;
}

async function main(chosen) {
  const names = chosen.length > 0 ? chosen : Object.keys(CORPUS);
  const unknown = names.find((name) => !Object.hasOwn(CORPUS, name));
  if (unknown !== undefined) {
    console.error(`reports: there is no ${unknown}; there are ${Object.keys(CORPUS).join(', ')}`);
    return 2;
  }
  install(names.map((name) => CORPUS[name]));
  console.log('report | plain at rest | under ralloc run | share');
  let isGood = true;
  for (const name of names) isGood = (await rowOf(name)) && isGood;
  return isGood ? 0 : 1;
}

main(process.argv.slice(2)).then((code) => process.exit(code));
