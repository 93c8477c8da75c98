'use strict';
// tier: tools, long

// The types as their users have them, in strict projects outside of this clone: compiled by the oldest and the newest TypeScript with the types of two
// Nodes, under every way in which TypeScript resolves modules; what comes out of a program is run by this Node. One compiler runs after another: on a busy
// machine all at once would give no result for minutes, and ava would take that for a hang.
// Some of what the oldest compiles is left to RALLOC_BUDGET=soak.

const { serial, after } = require('ava');
const fs = require('node:fs');
const { join } = require('node:path');
const { isSoak } = require('../helpers/budget.js');
const { run, start } = require('../helpers/child.js');
const { install } = require('../helpers/installed.js');
const { needsFolderLinks } = require('../helpers/needs.js');
const { backend } = require('../..');
const manifest = require('../../package.json');

const OLDEST = 'typescript-5.4';
const NEWEST = 'typescript-latest';

const TSC = join(__dirname, '..', '..', 'node_modules', NEWEST, 'bin', 'tsc');

let compiler;

/** Asks the oldest, which runs from then until the tests are over. */
function askOldest(asked) {
  compiler ??= start('package/compiler.js', { execArgv: ['--max-semi-space-size=64'] });
  return compiler.ask(asked);
}

after.always('the compiler ends', () => compiler?.stop());

async function askNewest({ folder, config }) {
  const args = ['--pretty', 'false', '--project', config];
  const { code, stdout, stderr } = await run('', { path: TSC, args, cwd: folder });
  const found = [...stdout.matchAll(/^(?:(\S+?)\((\d+),\d+\): )?error (TS\d+)/gm)];
  if (code !== 0 && found.length === 0) throw new Error(`tsc ended with ${code}: ${stderr}`);
  return found.map(([, file, line, code]) => [`${file}:${line}`, code]);
}

/** `file:line` → error, as the compiler reports them; what the project emits is written. */
async function compile(folder, typescript, config = 'tsconfig.json') {
  const ask = { [OLDEST]: askOldest, [NEWEST]: askNewest }[typescript];
  return new Map(await ask({ folder, config }));
}

const test = (title, body) => needsFolderLinks(title, body, serial);

const FIXTURES = join(__dirname, '..', 'fixtures', 'package');
const source = (...name) => fs.readFileSync(join(FIXTURES, ...name), 'utf8');
const consumer = (name) => source('consumer', name);

const STRICT = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  skipLibCheck: false,
  target: 'es2022',
  lib: ['es2022'],
  module: 'node16',
  types: ['node'],
  outDir: 'out',
};
const config = (compilerOptions, more = { include: ['*.cts', '*.mts'] }) =>
  JSON.stringify({ compilerOptions, ...more });

const said = ([place, code]) => `${place} ${code}`;
const linked = (...packages) => Object.fromEntries(packages.map((one) => [one, one]));

/** `file:line TS1234` of each error that a comment says. */
const expectedOf = (files, text) =>
  files.flatMap((file) =>
    text
      .split('\n')
      .map((line, i) => [/ \/\/ (TS\d+)$/.exec(line)?.[1], i + 1])
      .filter(([code]) => code !== undefined)
      .map(([code, line]) => `${file}:${line} ${code}`),
  );

const VALUES = {
  buffers: [8, 8, 4, 2, 2, 2, 2, 2, 7, 15, 7, 11, 1, 7, 10],
  sum: 6.5,
  disposed: [0, 0, 0, 0],
  bytes: 36,
  scopes: 19,
  codes: ['RangeError', 'ERR_RALLOC_LIMIT', 'maxBytes', 'ERR_RALLOC_CLOSED', ''],
  requests: 0,
  safety: 'detach',
  same: true,
};

for (const [typescript, node, types, lib] of [
  [OLDEST, 20, 'types-node-20', ['es2022']],
  ...(isSoak ? [[OLDEST, 24, '@types/node', ['es2022']]] : []),
  [NEWEST, 24, '@types/node', ['esnext']],
]) {
  test(`${typescript} with the types of Node ${node}: a program compiles, and runs`, async (t) => {
    const program = consumer('program.ts');
    const folder = install(t, {
      links: { '@types/node': types },
      files: {
        'tsconfig.json': config({ ...STRICT, lib }),
        ...{
          'program.cts': program,
          'program.mts': program,
          'required.cts': consumer('required.cts'),
        },
        ...(typescript === NEWEST && { 'float16.mts': consumer('float16.mts') }),
      },
    });
    t.deepEqual([...(await compile(folder, typescript))], []);
    for (const [name, values] of [
      ['program.cjs', VALUES],
      ['program.mjs', VALUES],
      ['required.cjs', { name: 'required', backend }],
    ]) {
      const { code, result, stderr } = await run(name, { path: join(folder, 'out', name) });
      t.is(code, 0, stderr);
      t.deepEqual(result, values, name);
    }
  });
}

// Each program of an entry point is compiled by itself: what one declares of a request must not help another.

const door = (name) => [name, source('doors', `${name}.ts`)];
const FRAMEWORKS = ['@nestjs/common', 'fastify', 'hono'];
const LOADED = ['auto', 'guard', 'profile'];
const others = [
  ...['fastify', 'hono', 'nest', 'http', 'test'].map(door),
  ...LOADED.map((name) => [name, door('loaded')[1].replaceAll('ralloc/auto', `ralloc/${name}`)]),
];

/** `ralloc` and `ralloc/express`, with the same program. */
const both = (program) =>
  ['ralloc', 'ralloc/express'].map((entry) => [
    entry.replace('/', '-'),
    door(program)[1].replace("'ralloc'", `'${entry}'`),
  ]);

const RESOLUTIONS = {
  nodenext: { module: 'nodenext', moduleResolution: 'nodenext', kinds: ['mts', 'cts'] },
  bundler: { module: 'esnext', moduleResolution: 'bundler', kinds: ['ts'] },
  node10: { module: 'commonjs', moduleResolution: 'node10', kinds: ['ts'] },
};

/** What is installed → the packages, and entry point → its program; `oldest`: what the oldest resolves without a soak. */
const PROJECTS = {
  'with the types of Express': {
    packages: [...FRAMEWORKS, '@types/express', '@types/koa'],
    programs: [...both('express-app'), door('koa'), ...others],
    resolutions: Object.keys(RESOLUTIONS),
    oldest: ['node10'], // which the newest does not have
  },
  // Not Koa's: they need those of Express.
  'without the types of Express': {
    packages: FRAMEWORKS,
    programs: [...both('express-request'), ...others],
    resolutions: ['nodenext'],
    oldest: ['nodenext'],
  },
};

const COMMON = {
  ...{ strict: true, noEmit: true, esModuleInterop: true, experimentalDecorators: true },
  ...{ target: 'es2022', types: ['node'] },
};

const entryPointOf = (name) =>
  name.startsWith('ralloc') ? name.replace('-', '/') : `ralloc/${name}`;

function exportedBy(name) {
  // Fastify's is a function, which is a property of itself too.
  if ([...LOADED, 'fastify'].includes(name)) return [];
  return Object.keys(require(entryPointOf(name))).sort();
}

serial('every entry point has a program', (t) => {
  const { './package.json': _, ...doors } = manifest.exports;
  const tested = new Set(
    Object.values(PROJECTS).flatMap(({ programs }) => programs.map(([n]) => n)),
  );
  t.deepEqual(
    [...tested].map(entryPointOf).sort(),
    Object.keys(doors)
      .map((one) => join('ralloc', one))
      .sort(),
  );
});

for (const [project, { packages, programs, resolutions, oldest }] of Object.entries(PROJECTS)) {
  for (const name of isSoak ? resolutions : oldest) {
    const { kinds, ...resolution } = RESOLUTIONS[name];
    test(`${OLDEST}, ${name}, ${project}: each entry point has its values, and its program compiles, but for misuse`, async (t) => {
      const files = programs.flatMap(([entry, text]) =>
        kinds.map((kind) => [`${entry}.${kind}`, text]),
      );
      const links = linked('@types/node', ...packages);
      const folder = install(t, { program: false, links, files: Object.fromEntries(files) });
      for (const [entry, text] of programs) {
        const roots = kinds.map((kind) => `${entry}.${kind}`);
        const { errors, values, hasExpress } = await askOldest({
          ...{ folder, options: { ...COMMON, ...resolution }, roots },
          entryPoint: entryPointOf(entry),
        });
        t.deepEqual(errors.map(said), expectedOf(roots, text), entry);
        t.deepEqual(values.filter((one) => one !== 'default').sort(), exportedBy(entry), entry);
        if (!packages.includes('@types/express')) t.false(hasExpress, entry);
      }
    });
  }

  // It has no API, and no node10.
  test(`${NEWEST}, ${project}: the programs of all entry points compile, but for misuse`, async (t) => {
    const all = resolutions.filter((name) => name !== 'node10');
    const settings = all.map((name) => {
      const { kinds, ...resolution } = RESOLUTIONS[name];
      const files = programs.flatMap(([entry]) => kinds.map((kind) => `${entry}.${kind}`));
      return [`${name}.json`, config({ ...COMMON, skipLibCheck: true, ...resolution }, { files })];
    });
    const sources = programs.flatMap(([entry, text]) =>
      ['mts', 'cts', 'ts'].map((kind) => [`${entry}.${kind}`, text]),
    );
    const folder = install(t, {
      program: false,
      links: linked('@types/node', ...packages),
      files: Object.fromEntries([...sources, ...settings]),
    });
    for (const name of all) {
      const { kinds } = RESOLUTIONS[name];
      const errors = await compile(folder, NEWEST, `${name}.json`);
      const expected = programs.flatMap(([entry, text]) =>
        expectedOf(
          kinds.map((kind) => `${entry}.${kind}`),
          text,
        ),
      );
      t.deepEqual([...errors].map(said).sort(), expected.sort(), name);
    }
  });
}

/** The `ts` blocks of docs/reference/entry-points.md, each with a use of what it declares. */
const USES = {
  express: 'Express.Request',
  fastify: "import('fastify').FastifyRequest",
  hono: "import('hono').ContextVariableMap",
  http: "import('http').IncomingMessage",
  koa: "import('koa').ExtendableContext",
};

for (const typescript of isSoak ? [OLDEST, NEWEST] : [NEWEST]) {
  test(`${typescript}: the arena under another name, as the document declares it`, async (t) => {
    const path = join(__dirname, '..', '..', 'docs', 'reference', 'entry-points.md');
    const text = fs.readFileSync(path, 'utf8');
    const shown = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block]) => block);
    const pages = Object.entries(USES).map(([page, type]) => {
      const block = shown.find((one) => one.includes(`'ralloc/${page}'`));
      const uses = `export const both = (one: ${type}): [RequestArena, RequestArena] => [one.arena, one.memory];
// @ts-expect-error nobody declared it
export const neither = (one: ${type}) => one.nothing;`;
      return [`${page}.mts`, `${block}\n${uses}\n`];
    });
    const settings = pages.map(([file]) => [
      `${file}.json`,
      config({ ...STRICT, skipLibCheck: true }, { files: [file] }),
    ]);
    const folder = install(t, {
      program: false,
      links: linked('@types/node', '@types/express', '@types/koa', ...FRAMEWORKS),
      files: Object.fromEntries([...pages, ...settings]),
    });
    for (const [project] of settings)
      t.deepEqual([...(await compile(folder, typescript, project))], [], project);
  });
}
