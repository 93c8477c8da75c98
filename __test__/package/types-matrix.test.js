'use strict';
// tier: tools, long

// The types as their users have them: a strict project outside of this clone, which checks the libraries'
// types too, compiled by the oldest and the newest TypeScript with the types of two Nodes, as CommonJS and as
// modules. What comes out is run by this Node. One compiler runs after another: on a busy machine all at once would give no result for
// minutes, and ava would take that for a hang.

const { serial } = require('ava');
const fs = require('node:fs');
const { join } = require('node:path');
const { backend } = require('../..');
const { run } = require('../helpers/child.js');
const { install } = require('../helpers/installed.js');
const { needsFolderLinks } = require('../helpers/needs.js');
const { NEWEST, OLDEST, compile } = require('../helpers/package/tsc.js');

const test = (title, body) => needsFolderLinks(title, body, serial);

const source = (name) =>
  fs.readFileSync(join(__dirname, '..', 'fixtures', 'package', 'consumer', name), 'utf8');
const wrong = source('wrong.ts');

const config = {
  compilerOptions: {
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
  },
  include: ['*.cts', '*.mts'],
};

const files = {
  'tsconfig.json': JSON.stringify(config),
  'program.cts': source('program.ts'),
  'program.mts': source('program.ts'),
  'required.cts': source('required.cts'),
  'wrong.cts': wrong,
  'wrong.mts': wrong,
};

/** `file:line` → the errors that a comment there allows. */
function expected(file) {
  const lines = wrong.split('\n').map((line, i) => [`${file}:${i + 1}`, line.match(/TS\d+/g)]);
  return lines.filter(([, codes]) => codes !== null);
}

/** Checks that what must not compile does not, each line for its reason, and all the rest does. */
function onlyWrongIsRefused(t, errors) {
  const all = [...expected('wrong.cts'), ...expected('wrong.mts')];
  t.true(all.length > 30);
  for (const [place, codes] of all) {
    t.true(codes.includes(errors.get(place)), `${place}: ${errors.get(place)}`);
    errors.delete(place);
  }
  t.deepEqual([...errors], []);
}

const values = {
  buffers: [8, 8, 4, 2, 2, 2, 2, 2, 7, 15, 7, 11, 70, 10, 3],
  sum: 6.5,
  bytes: 36,
  disposed: 2,
  rewound: 0,
  scopes: 15,
  collected: 4,
  told: true,
  slots: [10, 100, 30, 2, 0, 0, 15, 0],
  regions: [1, 0, 1],
  admissions: [0, 0, 0, 0],
  budgets: [0, 100, 0, 0],
  watched: [
    'function',
    'function',
    'application/openmetrics-text; version=1.0.0; charset=utf-8',
    '# EOF',
  ],
  sites: ['rows', false, 0, null, 0],
  debugging: [0, null, null],
  went: 'function',
  tested: 'ERR_RALLOC_MISUSE',
  codes: ['RangeError', 'ERR_RALLOC_LIMIT', 'maxBytes', 'ERR_RALLOC_CLOSED', ''],
  requests: 0,
  safety: 'detach',
  special: 'advise',
  depot: true,
  released: 0,
  pumps: 'function',
  compressed: 0,
  streams: ['function', 'object'],
  profiler: 'function',
  same: true,
};

async function runs(t, folder, name, result) {
  const ended = await run(name, { path: join(folder, 'out', name) });
  t.is(ended.code, 0, ended.stderr);
  t.deepEqual(ended.result, result, name);
}

for (const typescript of [OLDEST, NEWEST]) {
  for (const [node, types] of [
    [20, 'types-node-20'],
    [24, '@types/node'],
  ]) {
    test(`${typescript} with the types of Node ${node}: compiles as it should, and runs`, async (t) => {
      const folder = install(t, { files, links: { '@types/node': types } });
      onlyWrongIsRefused(t, await compile(folder, typescript));
      await runs(t, folder, 'program.cjs', values);
      await runs(t, folder, 'program.mjs', values);
      await runs(t, folder, 'required.cjs', { name: 'required', backend });
    });
  }

  test(`${typescript} with the types of Express: an application compiles`, async (t) => {
    const folder = install(t, {
      program: false,
      links: { '@types/node': '@types/node', '@types/express': '@types/express' },
      files: {
        'tsconfig.json': files['tsconfig.json'],
        'with-express.mts': source('with-express.mts'),
        'with-express.cts': source('with-express.mts').replace(
          /^import express from (.+);/m,
          'import express = require($1);',
        ),
      },
    });
    t.deepEqual([...(await compile(folder, typescript))], []);
  });

  for (const [node, types] of [
    [20, 'types-node-20'],
    [24, '@types/node'],
  ]) {
    test(`${typescript} with the types of Node ${node}: its servers have arenas, as CommonJS and as ESM`, async (t) => {
      const folder = install(t, {
        program: false,
        links: { '@types/node': types },
        files: {
          'tsconfig.json': files['tsconfig.json'],
          'with-http.cts': source('with-http.cts'),
          'with-http.mts': source('with-http.cts').replace(
            /^import (\w+) = require\((.+?)\)/gm,
            'import $1 from $2',
          ),
        },
      });
      t.deepEqual([...(await compile(folder, typescript))], []);
    });
  }
}

const FRAMEWORKS = [
  '@hono/node-server',
  '@nestjs/common',
  '@types/koa',
  '@types/node',
  'fastify',
  'hono',
];

for (const typescript of [OLDEST, NEWEST]) {
  test(`${typescript} with the types of the other frameworks: their applications compile, as CommonJS and as ESM`, async (t) => {
    const modern = source('with-frameworks.mts');
    const folder = install(t, {
      program: false,
      links: Object.fromEntries(FRAMEWORKS.map((name) => [name, name])),
      files: {
        // The frameworks' own types are not all for that TypeScript, or for strict projects.
        'tsconfig.json': JSON.stringify({
          ...config,
          compilerOptions: { ...config.compilerOptions, skipLibCheck: true },
        }),
        'with-frameworks.mts': modern,
        'with-frameworks.cts': modern.replace(
          /^import (http|Koa) from (.+);/gm,
          'import $1 = require($2);',
        ),
      },
    });
    t.deepEqual([...(await compile(folder, typescript))], []);
  });
}

/** The `ts` blocks of the pages of the frameworks, each with a use of what it declares. */
function declaredProperties() {
  const uses = {
    express: ['Express.Request', 'memory'],
    fastify: ["import('fastify').FastifyRequest", 'memory'],
    hono: ["import('hono').ContextVariableMap", 'memory'],
    http: ["import('http').IncomingMessage", 'memory'],
    koa: ["import('koa').ExtendableContext", 'memory'],
  };
  return Object.entries(uses).map(([page, [type, name]]) => {
    const path = join(__dirname, '..', '..', 'docs', 'guide', 'frameworks', `${page}.md`);
    const [, block] = /^```ts\n(.*?)^```$/ms.exec(fs.readFileSync(path, 'utf8'));
    const both = `export const both = (one: ${type}): [RequestArena, RequestArena] => [one.arena, one.${name}];`;
    const neither = `// @ts-expect-error nobody declared it\nexport const neither = (one: ${type}) => one.nothing;`;
    return [`${page}.mts`, `${block}\n${both}\n${neither}\n`];
  });
}

for (const typescript of [OLDEST, NEWEST]) {
  test(`${typescript}: the arena under another name, as the pages of the frameworks declare it`, async (t) => {
    const pages = declaredProperties();
    const projects = pages.map(([file]) => [
      `${file}.json`,
      JSON.stringify({
        compilerOptions: { ...config.compilerOptions, skipLibCheck: true },
        files: [file],
      }),
    ]);
    const folder = install(t, {
      program: false,
      links: Object.fromEntries([...FRAMEWORKS, '@types/express'].map((name) => [name, name])),
      files: Object.fromEntries([...pages, ...projects]),
    });
    for (const [project] of projects)
      t.deepEqual([...(await compile(folder, typescript, project))], [], project);
  });
}

test('typescript-latest with its newest library: arrays of half floats', async (t) => {
  const folder = install(t, {
    program: false,
    links: { '@types/node': '@types/node' },
    files: {
      'tsconfig.json': JSON.stringify({
        ...config,
        compilerOptions: { ...config.compilerOptions, lib: ['esnext'] },
      }),
      'float16.mts': source('float16.mts'),
    },
  });
  t.deepEqual([...(await compile(folder, NEWEST))], []);
});
