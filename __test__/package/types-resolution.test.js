'use strict';
// tier: tools, long

// The types of each entry point under every way in which TypeScript resolves modules: a program of it compiles, but for the lines that say
// which error they are. Each program is compiled by itself: what one entry point declares of a request must not help another.
// The oldest TypeScript compiles all; the newest, which has neither its API nor node10, what gives Express's requests their arena.

const { serial } = require('ava');
const fs = require('node:fs');
const { join } = require('node:path');
const { install } = require('../helpers/installed.js');
const { needsFolderLinks } = require('../helpers/needs.js');
const { NEWEST, askOldest, compile } = require('../helpers/package/tsc.js');
const manifest = require('../../package.json');

const test = (title, body) => needsFolderLinks(title, body, serial);

const source = (name) =>
  fs.readFileSync(join(__dirname, '..', 'fixtures', 'package', 'doors', `${name}.ts`), 'utf8');

const FRAMEWORKS = ['@nestjs/common', 'fastify', 'hono'];
const ofFrameworks = ['fastify', 'hono', 'nest'].map((door) => [door, source(door)]);
const LOADED = ['auto', 'guard', 'profile'];
const others = [
  ...['http', 'test'].map((door) => [door, source(door)]),
  ...LOADED.map((d) => [d, source('loaded').replaceAll('ralloc/auto', `ralloc/${d}`)]),
];

/** `ralloc` and `ralloc/express`, with the same program. */
const both = (program) =>
  ['ralloc', 'ralloc/express'].map((door) => [
    door.replace('/', '-'),
    source(program).replace("'ralloc'", `'${door}'`),
  ]);

/** What is installed → the packages, and entry point → its program. */
const PROJECTS = {
  'with the types of Express': {
    packages: [...FRAMEWORKS, '@types/express', '@types/koa'],
    programs: [...both('express-app'), ...ofFrameworks, ['koa', source('koa')], ...others],
  },
  // Not Koa's: they need those of Express.
  'without the types of Express': {
    packages: FRAMEWORKS,
    programs: [...both('express-request'), ...ofFrameworks, ...others],
  },
};

const RESOLUTIONS = {
  nodenext: { module: 'nodenext', moduleResolution: 'nodenext', files: ['mts', 'cts'] },
  bundler: { module: 'esnext', moduleResolution: 'bundler', files: ['ts'] },
  node10: { module: 'commonjs', moduleResolution: 'node10', files: ['ts'] },
};

const entryPointOf = (door) =>
  door.startsWith('ralloc') ? door.replace('-', '/') : `ralloc/${door}`;

/** Names of the values that an entry point has. */
function exportedBy(door) {
  // Fastify's is a function, which is a property of itself too.
  if ([...LOADED, 'fastify'].includes(door)) return [];
  return Object.keys(require(entryPointOf(door))).sort();
}

const said = ([place, code]) => `${place} ${code}`;

/** `file:line TS1234` of each error that a comment says. */
const expectedOf = (roots, text) =>
  roots.flatMap((file) =>
    text
      .split('\n')
      .map((line, i) => [/ \/\/ (TS\d+)$/.exec(line)?.[1], i + 1])
      .filter(([code]) => code !== undefined)
      .map(([code, line]) => `${file}:${line} ${code}`),
  );

serial('every entry point has a program', (t) => {
  const { '.': _, './package.json': __, ...doors } = manifest.exports;
  const tested = new Set(
    Object.values(PROJECTS).flatMap(({ programs }) =>
      programs.map(([door]) => door.replace('ralloc-', '')),
    ),
  );
  t.deepEqual(
    [...tested].sort(),
    ['ralloc', ...Object.keys(doors).map((door) => door.slice(2))].sort(),
  );
});

for (const [project, { packages, programs }] of Object.entries(PROJECTS)) {
  for (const [name, { files: kinds, ...resolution }] of Object.entries(RESOLUTIONS)) {
    test(`${name}, ${project}: each entry point has its values, and its program compiles, but for misuse`, async (t) => {
      const links = Object.fromEntries(['@types/node', ...packages].map((one) => [one, one]));
      const files = programs.flatMap(([door, text]) =>
        kinds.map((kind) => [`${door}.${kind}`, text]),
      );
      const folder = install(t, { program: false, links, files: Object.fromEntries(files) });
      const options = {
        ...{ strict: true, noEmit: true, esModuleInterop: true, experimentalDecorators: true },
        ...{ target: 'es2022', types: ['node'], ...resolution },
      };
      for (const [door, text] of programs) {
        const roots = kinds.map((kind) => `${door}.${kind}`);
        const entryPoint = entryPointOf(door);
        const { errors, values, hasExpress } = await askOldest({
          ...{ folder, options, roots, entryPoint },
        });
        t.deepEqual(errors.map(said), expectedOf(roots, text), door);
        t.deepEqual(values.filter((one) => one !== 'default').sort(), exportedBy(door), door);
        if (!packages.includes('@types/express')) t.false(hasExpress, door);
      }
    });
  }
}

for (const [project, { packages, programs }] of Object.entries(PROJECTS)) {
  test(`the newest TypeScript, ${project}: \`ralloc\` gives requests their arena`, async (t) => {
    const [[, text]] = programs;
    const links = Object.fromEntries(['@types/node', ...packages].map((one) => [one, one]));
    const options = {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      target: 'es2022',
      types: ['node'],
    };
    const files = ['mts', 'cts', 'ts'].map((kind) => [`ralloc.${kind}`, text]);
    const configs = {
      nodenext: { module: 'nodenext', files: ['ralloc.mts', 'ralloc.cts'] },
      bundler: { module: 'esnext', moduleResolution: 'bundler', files: ['ralloc.ts'] },
    };
    const settings = Object.entries(configs).map(([name, { files: roots, ...own }]) => [
      `${name}.json`,
      JSON.stringify({ compilerOptions: { ...options, ...own }, files: roots }),
    ]);
    const folder = install(t, {
      program: false,
      links,
      files: Object.fromEntries([...files, ...settings]),
    });
    for (const [name, { files: roots }] of Object.entries(configs)) {
      const errors = await compile(folder, NEWEST, `${name}.json`);
      t.deepEqual([...errors].map(said).sort(), expectedOf(roots, text).sort(), name);
    }
  });
}
