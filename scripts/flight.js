'use strict';

// What recordings say of processes that died:
//
//   npm run soak -- flight [death …]     planted deaths: __test__/helpers/deaths.js
//   npm run soak -- flight kills [2000]  SIGKILL at random moments: each leaves a recording that can
//                                        be read and is fresh
//
// Prints a line for each.

const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { readFlight } = require('../lib/flight/file.js');
const { DEATHS, die, faultsOf, onlyIn, startDeath } = require('../__test__/helpers/deaths.js');
const { random } = require('../__test__/helpers/random.js');

const FRESH_MS = 250;
const MOST_MS = 1500;
const AT_ONCE = 2;

async function withFolder(act) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-flight-soak-'));
  try {
    return await act(folder);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function plant(names) {
  let isGood = true;
  for (const name of names) {
    const found = await withFolder((folder) => die(name, folder));
    if (found === undefined) {
      console.log(`${name}: no control group can be made here`);
      continue;
    }
    const faults = faultsOf(name, found);
    isGood &&= faults.length === 0;
    console.log(faults.length === 0 ? `${name}: ${found.dead.line}` : `WRONG ${faults.join('\n')}`);
  }
  return isGood;
}

/**
 * Kills one after `ms`: how old its record was when its last whole turn of the loop began, in ms,
 * or why it cannot be read.
 */
const kill = (ms) =>
  withFolder(async (folder) => {
    const child = startDeath('churn', folder);
    const ended = once(child, 'close');
    let text = '';
    child.stdout.setEncoding('latin1').on('data', (more) => {
      text += more;
    });
    await once(child.stdout, 'data');
    await sleep(ms);
    child.kill('SIGKILL');
    await ended;
    const { record, fault } = readFlight(onlyIn(folder));
    const turned = Number(text.trimEnd().split('\n').at(-2) ?? 0);
    return fault ?? Math.max(0, turned - record.time);
  });

async function killAll(count) {
  const seed = Number(process.env.RALLOC_SEED ?? Date.now() % 2 ** 31);
  const below = random(seed);
  console.log(`seed ${seed}`);
  const ages = [];
  const faults = [];
  let left = count;
  const killer = async () => {
    while (left-- > 0) {
      const found = await kill(below(MOST_MS));
      if (typeof found === 'number') ages.push(found);
      else faults.push(found);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, killer));
  ages.sort((a, b) => a - b);
  const late = ages.filter((age) => age > FRESH_MS).length;
  const of = (share) => ages[Math.floor(share * (ages.length - 1))];
  console.log(
    `${ages.length} of ${count} can be read; age in ms: median ${of(0.5)}, P99 ${of(0.99)}, most ${ages.at(-1)}; ${late} over ${FRESH_MS}`,
  );
  for (const fault of new Set(faults)) console.log(`WRONG ${fault}`);
  return faults.length === 0 && late === 0;
}

async function main([first, ...others]) {
  if (first === 'kills') return (await killAll(Number(others[0] ?? 2000))) ? 0 : 1;
  const names = first === undefined ? Object.keys(DEATHS) : [first, ...others];
  const unknown = names.find((name) => !Object.hasOwn(DEATHS, name));
  if (unknown !== undefined) {
    console.error(
      `flight: there is no ${unknown}; there are ${Object.keys(DEATHS).join(', ')}, and kills`,
    );
    return 2;
  }
  return (await plant(names)) ? 0 : 1;
}

main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
