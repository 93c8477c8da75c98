'use strict';
// tier: tools, long

// Every `sh` block of README and docs/ as a reader runs it, line by line: in an empty folder where npm installed what a release packs, with
// the program that the page shows. A server is asked for what the next line needs, and ended as by Ctrl-C.

const test = require('ava');
const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { text } = require('node:stream/consumers');
const { testWhere } = require('../helpers/backend.js');
const { profileOf } = require('../helpers/baked.js');
const { linkAll } = require('../helpers/copy-of-package.js');
const { removeFolder } = require('../helpers/folder.js');
const { freePort } = require('../helpers/free-port.js');
const { cleanEnv, npm } = require('../helpers/package/npm.js');
const { Registry } = require('../helpers/package/registry.js');
const { hostBinary, platform, root, stage, temporary } = require('../helpers/package/release.js');
const { allDocuments, programs } = require('../helpers/snippets.js');
const { PROVED } = require('../helpers/planned.js');
const { until } = require('../helpers/until.js');

const without = (command, pattern) =>
  spawnSync(command, ['--version']).error ? [[pattern, `there is no ${command}`]] : [];

/** Lines that are not run here, and why. */
const NOT_RUN = [
  [/^git clone|^npm install\b|^npm run /, 'they are for a clone'],
  [/--load|--metrics/, 'takes minutes: tools/cli/compare.test.js'],
  ...(platform === 'linux-x64-gnu' ? [] : [[/linux-x64-gnu/, 'another platform']]),
  ...without('git', /\bgit apply\b/),
  ...without('jq', /\bjq\b/),
];
const isRun = (line) => !NOT_RUN.some(([pattern]) => pattern.test(line));

const programOf = (document, heading) =>
  programs(document)
    .find((one) => one.heading === heading)
    .code.trimStart();

const README = { 'app.js': programOf('README.md', 'Gain the most') };
const METRICS = { 'app.js': programOf('docs/guide/metrics.md', 'Without prom-client') };
/** The service of docs/guide/leaks.md, before its diff. */
const LEAK = {
  'app.js': `const express = require('express');

const app = express();
const heads = new Map();
app.post('/uploads/:id', express.raw({ type: () => true, limit: '1mb' }), (req, res) => {
  heads.set(req.params.id, req.body.subarray(0, 16));
  res.end();
});
app.listen(3000);
`,
};
/** A service with a line for `ralloc apply`. */
const ROWS = {
  'app.js': `const http = require('node:http');
const { requestArena } = require('ralloc/http');
const { rowOf } = require('./src/rows.js');

const answer = (req, res) => res.end(rowOf(100_000).fill(1));
http.createServer(requestArena({ context: true }).wrap(answer)).listen(3000);
`,
  'src/rows.js': 'exports.rowOf = (size) => Buffer.allocUnsafe(size);\n',
};

const post = (url, size) => fetch(url, { method: 'POST', body: Buffer.alloc(size) });
const snapshotsIn = (dir) => fs.readdirSync(dir).filter((name) => name.endsWith('.heapsnapshot'));

async function askTwice(url) {
  for (const size of [10, 1_000_000]) await (await post(url, size)).text();
}

/** Until there are two snapshots: the second is taken when ArrayBuffers have twice as much as at the first. */
async function leak(url, dir) {
  let n = 0;
  const upload = () => post(`${url}/uploads/${n++}`, 1_000_000);
  while (n < 120) await upload();
  await until(() => snapshotsIn(dir).length === 1);
  while (n < 250) await upload();
  await until(() => snapshotsIn(dir).length === 2 || void upload(), 60, 100);
}

/** A profile that proves the line, as minutes of load do. */
function proveRows(dir) {
  const column = ROWS['src/rows.js'].indexOf('allocUnsafe') + 1;
  const at = [path.join(dir, 'src', 'rows.js'), 1, column];
  const site = { at, name: 'rowOf', source: 'Buffer.allocUnsafe', size: 100_000, ...PROVED };
  profileOf([site]).write(path.join(dir, 'app.jsonl'));
}

/**
 * By document: the program's files, if it is not README's; `use`: what its servers are asked; `given`: profiles and folders that its reader has already;
 * `record`: what a longer recording writes.
 */
const PAGES = {
  'README.md': { command: 'npx ralloc' },
  'docs/guide/deploying.md': { given: ['dist/app.js'] },
  'docs/guide/metrics.md': { files: METRICS },
  'docs/guide/leaks.md': { files: LEAK, use: leak },
  'docs/guide/placement.md': { files: ROWS, record: proveRows },
  'docs/guide/profiling.md': { given: ['before.jsonl', 'after.jsonl', 'profiles/a.jsonl'] },
  'docs/reference/profile-format.md': { given: ['app.jsonl'] },
};

/** The lines of a document's blocks. */
function linesOf(document) {
  const source = fs.readFileSync(path.join(root, document), 'utf8');
  const blocks = source.matchAll(/^```(?:sh|bash|console)\n([\s\S]*?)^```$/gm);
  return [...blocks].flatMap(([, block]) => block.trimEnd().split('\n'));
}
const documents = allDocuments().filter((one) => /^README\.md$|^docs\//.test(one));

const NPX = 'npx ralloc';
const BIN = 'node_modules/.bin/ralloc'; // what npx finds, some half a second later: README's lines are run by npx

/** Runs lines one after another in a folder. */
class Reader {
  #dir;
  #env;
  #port;
  #page;
  #server = null;

  constructor(dir, env, port, { use = askTwice, record = () => {}, command = BIN } = {}) {
    this.#dir = dir;
    this.#env = env;
    this.#port = port;
    this.#page = { use, record, command };
  }

  #start(line) {
    const options = { cwd: this.#dir, env: this.#env, detached: true };
    const child = spawn('sh', ['-c', line], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    const said = Promise.all([text(child.stdout), text(child.stderr)]).then((all) => all.join(''));
    return { line, child, said };
  }

  async #serve(line) {
    this.#server = this.#start(line);
    const { child, said } = this.#server;
    const url = `http://localhost:${this.#port}`;
    let isUp = false;
    const ask = async () => {
      isUp ||= await fetch(url).then(
        () => true,
        () => false,
      );
    };
    await until(() => isUp || child.exitCode !== null || void ask(), 60, 50);
    if (!isUp) throw new Error(`${line}: ${await said}`);
    await this.#page.use(url, this.#dir);
  }

  /** Ends the server, if there is one. */
  async end() {
    const { line, child, said } = this.#server ?? {};
    if (line === undefined) return;
    this.#server = null;
    process.kill(-child.pid, 'SIGINT');
    const words = await said;
    if (/\b[A-Z]\w*Error\b|\bERR_/.test(words)) throw new Error(`${line}: ${words}`);
  }

  async #finish(line) {
    const { child, said } = this.#start(line);
    const isEndless = / top (?!--once)/.test(line);
    if (isEndless) child.stdout.once('data', () => process.kill(-child.pid, 'SIGINT'));
    const [code] = await once(child, 'close');
    if (code !== 0 && !isEndless) throw new Error(`${line}: ${code}\n${await said}`);
  }

  async run(shown) {
    const [, pid] = snapshotsIn(this.#dir)[0]?.split('.') ?? [];
    const called = shown.replaceAll(NPX, this.#page.command);
    const named = called.replaceAll('3000', this.#port).replaceAll('4242', pid);
    const line = named.replace(/^curl /, '$&--fail '); // fails if the server answers with an error
    if (!line.includes('localhost:')) await this.end();
    else if (this.#server === null) await this.#serve('node app.js');
    if (/ralloc bake /.test(line)) this.#page.record(this.#dir);
    const isServer = /\bnode (?:--require \S+ )?app\.js/.test(line);
    await (isServer ? this.#serve(line) : this.#finish(line));
  }
}

const folder = temporary();
const registry = new Registry();
const recorded = path.join(folder, 'recorded.jsonl');
let installed;

function write(dir, files) {
  for (const [name, content] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), content);
  }
}

/** Offers ralloc and its binary as a release packs them, and an express that is the clone's. */
async function offer() {
  const express = path.join(folder, 'express');
  write(express, {
    'package.json': JSON.stringify({ name: 'express', version: '5.0.0' }),
    'index.js': `module.exports = require(${JSON.stringify(require.resolve('express'))});\n`,
  });
  const staged = await stage(folder);
  const dirs = [staged, path.join(staged, 'npm', platform), express];
  const args = ['pack', '--json', '--pack-destination', folder, ...dirs];
  const packed = Object.values(JSON.parse(await npm(args, { cwd: folder, env: cleanEnv(folder) })));
  await registry.listen();
  for (const dir of dirs) {
    const manifest = JSON.parse(fs.readFileSync(path.join(dir, 'package.json'), 'utf8'));
    const { filename } = packed.find(({ name }) => name === manifest.name);
    registry.add(manifest, fs.readFileSync(path.join(folder, filename)));
  }
}

/** A reader of `document`, in a folder of its own with what was installed. */
async function readerOf(document) {
  const { files = README, given = [], ...page } = PAGES[document] ?? {};
  const dir = fs.mkdtempSync(path.join(folder, 'reader-'));
  const port = String(await freePort());
  write(dir, { 'package.json': '{}', ...files, 'app.js': files['app.js'].replace('3000', port) });
  for (const name of given) write(dir, { [name]: fs.readFileSync(recorded) });
  const modules = path.join(dir, 'node_modules');
  if (installed !== undefined) linkAll(installed, modules);
  installed ??= modules;
  const PATH = [path.dirname(process.execPath), process.env.PATH].join(path.delimiter);
  const env = { ...cleanEnv(folder, registry.url), PATH };
  return new Reader(dir, env, port, page);
}

const canRun = process.platform !== 'win32' && hostBinary() !== undefined;
const readerTest = (title, body) => testWhere(canRun, 'a shell and a binary', title, body);

test.before('a release is packed and installed, and something recorded', async () => {
  if (!canRun) return;
  await offer();
  const reader = await readerOf('README.md');
  await reader.run(linesOf('README.md').find((line) => line.startsWith('npm i ')));
  await reader.run(`npx ralloc profile -o ${recorded} -- node app.js`);
  await reader.end();
});

test.after.always('clean up', () => {
  registry.close();
  removeFolder(folder);
});

for (const document of documents.filter((one) => linesOf(one).some(isRun))) {
  readerTest(`${document}: a reader can run its commands`, async (t) => {
    const reader = await readerOf(document);
    t.teardown(() => reader.end());
    for (const line of linesOf(document).filter(isRun)) await reader.run(line);
    t.pass();
  });
}

test('each reason not to run a line is that of a line', (t) => {
  const lines = documents.flatMap(linesOf);
  for (const [pattern, why] of NOT_RUN)
    t.true(
      lines.some((line) => pattern.test(line)),
      why,
    );
});
