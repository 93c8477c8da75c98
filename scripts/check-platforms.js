'use strict';

// npm/ has a folder for every target of package.json, and no other: its package.json tells npm where the binary
// belongs, in ralloc's own version, and its README whoever finds the package what it is. The release builds and tests
// each, and waits for the tests of tier 1 and no other; docs/reference/platforms.md lists it.
// `--self-test` proves that each of these can fail.

const fs = require('node:fs');
const path = require('node:path');
const { isDeepStrictEqual } = require('node:util');
const { parse } = require('yaml');
const { runCheck } = require('./lib/check.js');
const { listFiles, readFile } = require('./lib/files.js');
const { TARGETS, binaryName, packageName } = require('./release/targets.js');

/** A platform's package.json, as package.json and the platform's name make it. */
function manifestOf(platform, libc, { version, license, author, engines }) {
  const [os, cpu] = platform.split('-');
  const binary = binaryName(platform);
  return {
    name: packageName(platform),
    version,
    description: `The binary of ralloc for ${platform}`,
    license,
    author,
    main: binary,
    files: [binary],
    engines,
    os: [os],
    cpu: [cpu],
    ...(libc === undefined ? {} : { libc: [libc] }),
  };
}

const lineOf = (text, word) =>
  Math.max(1, text.split('\n').findIndex((line) => line.includes(word)) + 1);

/** Every field that differs; what stands in one and not in the other is undefined there. */
function aboutManifest(file, text, wanted) {
  const found = JSON.parse(text);
  const fields = new Set([...Object.keys(wanted), ...Object.keys(found)]);
  return [...fields]
    .filter((field) => !isDeepStrictEqual(found[field], wanted[field]))
    .map((field) => ({
      file,
      line: lineOf(text, `"${field}":`),
      what: `"${field}" is ${JSON.stringify(found[field])}, not ${JSON.stringify(wanted[field])}`,
    }));
}

function aboutReadme(file, text, name) {
  const title = `# \`${name}\``;
  return text.startsWith(`${title}\n`)
    ? []
    : [{ file, line: 1, what: `does not begin with "${title}"` }];
}

function aboutPlatform(root, { platform, libc }, main) {
  const checks = {
    'package.json': (file, text) => aboutManifest(file, text, manifestOf(platform, libc, main)),
    'README.md': (file, text) => aboutReadme(file, text, packageName(platform)),
  };
  return Object.entries(checks).flatMap(([name, check]) => {
    const file = `npm/${platform}/${name}`;
    return fs.existsSync(path.join(root, file))
      ? check(file, readFile(root, file))
      : [{ file, line: 1, what: 'is missing' }];
  });
}

const DOCUMENT = 'docs/reference/platforms.md';

function aboutDocument(root, platforms) {
  const text = readFile(root, DOCUMENT);
  return platforms
    .filter(({ platform }) => !text.includes(`\`${packageName(platform)}\` |`))
    .map(({ platform }) => ({ file: DOCUMENT, line: 1, what: `${platform} is not listed there` }));
}

const RELEASE = '.github/workflows/release.yml';

/** The jobs of a release that have a matrix of targets, and which of them each has. */
const JOBS = {
  build: () => true,
  'tier-1': ({ tier }) => tier === 1,
  'tier-2': ({ tier }) => tier === 2,
};

function aboutRelease(root, platforms) {
  const text = readFile(root, RELEASE);
  const { jobs } = parse(text);
  const finding = (job, what) => ({ file: RELEASE, line: lineOf(text, `  ${job}:`), what });
  const ofMatrix = Object.entries(JOBS).flatMap(([job, has]) => {
    const wanted = platforms.filter(has).map(({ triple }) => triple);
    const found = (jobs[job]?.strategy.matrix.on ?? []).map(({ target }) => target);
    return isDeepStrictEqual(found.toSorted(), wanted.toSorted())
      ? []
      : [finding(job, `${job} has ${found.join(', ')}, and should have ${wanted.join(', ')}`)];
  });
  const waits = jobs.publish?.needs ?? [];
  const isRight = waits.includes('tier-1') && !waits.includes('tier-2');
  return isRight ? ofMatrix : [...ofMatrix, finding('publish', 'does not wait for tier 1 alone')];
}

function checkPlatforms(root) {
  const text = readFile(root, 'package.json');
  const main = JSON.parse(text);
  const { targets } = main.napi;
  const unknown = targets.filter((triple) => TARGETS[triple] === undefined);
  const absent = Object.keys(TARGETS).filter((triple) => !targets.includes(triple));
  const platforms = targets
    .filter((triple) => TARGETS[triple] !== undefined)
    .map((triple) => ({ triple, ...TARGETS[triple] }));
  const expected = platforms.flatMap(({ platform }) => [
    `npm/${platform}/package.json`,
    `npm/${platform}/README.md`,
  ]);
  const surplus = listFiles(root).filter(
    (file) => file.startsWith('npm/') && !expected.includes(file),
  );
  const finding = (file, line, what) => ({ file, line, what });
  const inMain = (triple, what) => finding('package.json', lineOf(text, triple), what);
  return [
    ...unknown.map((triple) => inMain(triple, `${triple}: not in scripts/release/targets.js`)),
    ...absent.map((triple) => inMain('"targets"', `${triple} is missing, a target of ralloc`)),
    ...surplus.map((file) => finding(file, 1, 'belongs to no target of package.json')),
    ...platforms.flatMap((target) => aboutPlatform(root, target, main)),
    ...aboutDocument(root, platforms),
    ...aboutRelease(root, platforms),
  ];
}

const MAIN = { version: '1.2.3', license: 'MIT', author: 'us', engines: { node: '>=20' } };
const main = (targets) => JSON.stringify({ ...MAIN, napi: { targets } }, null, 2);

/** The workflow of a release: each job on a line, with the targets that `has` says. */
function release(has = JOBS, needs = 'tier-1') {
  const triples = Object.keys(TARGETS);
  const jobs = Object.entries(has).map(([job, isIn]) => {
    const on = triples.filter((triple) => isIn(TARGETS[triple])).map((target) => ({ target }));
    return `  ${job}: ${JSON.stringify({ strategy: { matrix: { on } } })}`;
  });
  return ['jobs:', ...jobs, `  publish: { needs: [build, ${needs}] }`];
}

/** The tree as it should be; but for one package, which is written out below. */
const TREE = {
  'package.json': main(Object.keys(TARGETS)),
  [RELEASE]: release(),
  'docs/reference/platforms.md': Object.values(TARGETS).map(
    ({ platform }) => `| here | \`${packageName(platform)}\` | – |`,
  ),
  ...Object.fromEntries(
    Object.values(TARGETS).flatMap(({ platform, libc }) => [
      [`npm/${platform}/package.json`, JSON.stringify(manifestOf(platform, libc, MAIN), null, 2)],
      [`npm/${platform}/README.md`, `# \`${packageName(platform)}\`\n`],
    ]),
  ),
};

const MUSL = [
  '{',
  '  "name": "@ralloc/linux-arm64-musl",',
  '  "version": "1.2.3",',
  '  "description": "The binary of ralloc for linux-arm64-musl",',
  '  "license": "MIT",',
  '  "author": "us",',
  '  "main": "ralloc.linux-arm64-musl.node",',
  '  "files": ["ralloc.linux-arm64-musl.node"],',
  '  "engines": { "node": ">=20" },',
  '  "os": ["linux"],',
  '  "cpu": ["arm64"],',
  '  "libc": ["musl"]',
  '}',
];
const at = 'npm/linux-arm64-musl/package.json';

/** MUSL with other lines, by their number. */
const withLines = (lines) => MUSL.map((line, index) => lines[index + 1] ?? line);

const without = (...files) =>
  Object.fromEntries(Object.entries(TREE).filter(([file]) => !files.includes(file)));

const CASES = [
  { name: 'platforms as they should be', files: { ...TREE, [at]: MUSL }, wrong: [] },
  {
    name: 'wrong fields',
    files: {
      ...TREE,
      [at]: withLines({
        2: '  "name": "@ralloc/binding-linux-arm64-musl",',
        3: '  "version": "1.2.2",',
        5: '  "license": "ISC",',
        6: '  "author": "them",',
        7: '  "main": "index.js",',
        8: '  "files": [],',
        9: '  "engines": { "node": ">=18" },',
        10: '  "os": ["linux", "darwin"],',
        11: '  "cpu": ["x64"],',
        12: '  "libc": ["glibc"]',
      }),
    },
    wrong: [2, 3, 5, 6, 7, 8, 9, 10, 11, 12].map((line) => `${at}:${line}`),
  },
  {
    name: 'a field too few, and one too many',
    files: {
      ...TREE,
      [at]: withLines({ 4: '', 12: '  "libc": ["musl"], "scripts": { "install": "true" }' }),
    },
    wrong: [`${at}:1`, `${at}:12`],
  },
  {
    name: 'packages that are missing, in part or whole',
    files: without(at, 'npm/darwin-x64/package.json', 'npm/darwin-x64/README.md'),
    wrong: [`${at}:1`, 'npm/darwin-x64/package.json:1', 'npm/darwin-x64/README.md:1'],
  },
  {
    name: 'packages and files of no target',
    files: {
      ...TREE,
      'npm/freebsd-x64/package.json': '{}',
      'npm/linux-arm64-musl/index.js': '',
      'npm/README.md': '',
    },
    wrong: ['npm/freebsd-x64/package.json:1', 'npm/linux-arm64-musl/index.js:1', 'npm/README.md:1'],
  },
  {
    name: 'platforms that are built and not tested, or in no list',
    files: {
      ...TREE,
      [RELEASE]: release({ ...JOBS, 'tier-2': ({ platform }) => platform === 'darwin-x64' }),
      'docs/reference/platforms.md': TREE['docs/reference/platforms.md'].slice(2),
    },
    wrong: [`${RELEASE}:4`, 'docs/reference/platforms.md:1', 'docs/reference/platforms.md:1'],
  },
  {
    name: 'a release that waits for another tier, or tests in the wrong one',
    files: { ...TREE, [RELEASE]: release({ build: JOBS.build, 'tier-1': JOBS.build }, 'tier-2') },
    wrong: [`${RELEASE}:1`, `${RELEASE}:3`, `${RELEASE}:4`],
  },
  {
    name: 'a README of another package',
    files: { ...TREE, 'npm/darwin-x64/README.md': '# `@ralloc/darwin-arm64`\n' },
    wrong: ['npm/darwin-x64/README.md:1'],
  },
  {
    name: 'targets that nobody knows, and a target left out',
    files: {
      ...without('npm/win32-arm64-msvc/package.json', 'npm/win32-arm64-msvc/README.md'),
      'package.json': main([...Object.keys(TARGETS).slice(0, -1), 'mips-unknown-linux-gnu']),
    },
    wrong: ['package.json:9', 'package.json:17', `${RELEASE}:2`, `${RELEASE}:4`],
  },
];

runCheck(checkPlatforms, CASES);
