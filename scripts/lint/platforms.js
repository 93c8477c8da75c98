'use strict';

// The release builds every platform of scripts/release/targets.js and tests it, and waits for the tests of tier 1 and no other;
// docs/reference/platforms.md lists it. package.json has Rust's names, which lib/memory/missing-binary.js reads in a clone.

const { isDeepStrictEqual } = require('node:util');
const { parse } = require('yaml');
const { readFile } = require('../lib/files.js');
const { TARGETS, packageName } = require('../release/targets.js');

const RELEASE = '.github/workflows/release.yml';
const DOCUMENT = 'docs/reference/platforms.md';

/** The jobs of a release that have a matrix of targets, and which of them each has. */
const JOBS = {
  build: () => true,
  'tier-1': ({ tier }) => tier === 1,
  'tier-2': ({ tier }) => tier === 2,
};

module.exports = (root) => {
  const text = readFile(root, RELEASE);
  const { jobs } = parse(text);
  const found = [];
  const tell = (job, what) =>
    found.push({ file: RELEASE, line: text.split('\n').indexOf(`  ${job}:`) + 1, what });
  for (const [job, has] of Object.entries(JOBS)) {
    const wanted = Object.keys(TARGETS).filter((triple) => has(TARGETS[triple]));
    const there = jobs[job].strategy.matrix.on.map(({ target }) => target);
    if (!isDeepStrictEqual(there.toSorted(), wanted.toSorted()))
      tell(job, `${job} has ${there.join(', ')}, and should have ${wanted.join(', ')}`);
  }
  const { targets } = JSON.parse(readFile(root, 'package.json')).napi;
  if (!isDeepStrictEqual(targets, Object.keys(TARGETS)))
    found.push({
      file: 'package.json',
      line: 1,
      what: 'napi.targets is not what a release builds',
    });
  const waits = [jobs.stage.needs, jobs.publish.needs].flat();
  if (!waits.includes('tier-1') || !waits.includes('stage') || waits.includes('tier-2'))
    tell('publish', 'does not wait for tier 1 alone');
  const listed = readFile(root, DOCUMENT);
  for (const name of Object.values(TARGETS).map(({ platform }) => packageName(platform)))
    if (!listed.includes(`\`${name}\` |`))
      found.push({ file: DOCUMENT, line: 1, what: `${name} is not listed there` });
  return found;
};
