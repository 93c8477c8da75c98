'use strict';

// The JavaScript that documents show, as programs: the `js` blocks under one heading are one program, in their
// order, run with a package folder around them as a user has it. What stands behind a console.log() as a
// comment is what it has to print.

const { AsyncLocalStorage } = require('node:async_hooks');
const { once } = require('node:events');
const fs = require('node:fs');
const { createRequire } = require('node:module');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { format } = require('node:util');
const vm = require('node:vm');
const { linkPackage } = require('./link-package.js');

const root = path.join(__dirname, '..', '..');

/** The Markdown of a folder and of those in it. */
const markdownIn = (folder) =>
  fs.readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = path.posix.join(folder, entry.name);
    if (entry.isDirectory()) return markdownIn(name);
    return name.endsWith('.md') ? [name] : [];
  });

/** What readers see: the Markdown of the clone, the documents and the benchmarks. */
const allDocuments = () => [
  ...fs.readdirSync(root).filter((name) => name.endsWith('.md')),
  ...markdownIn('docs'),
  'bench/README.md',
];

/** The programs of a document: [{ heading, line, code, printed }], in order. */
function programs(file) {
  const found = [];
  let heading = '';
  let inside = null; // the fence's language
  const lines = fs.readFileSync(path.join(root, file), 'utf8').split('\n');
  for (const [index, text] of lines.entries()) {
    const fence = /^\s*```(\w*)$/.exec(text);
    if (fence !== null) inside = inside === null ? fence[1] : null;
    else if (inside === null && /^#+ /.test(text)) heading = text.replace(/^#+ /, '');
    else if (inside === 'js') add(found, heading, index, text);
  }
  return found.map((program) => ({ ...program, file, code: program.code.join('\n') }));
}

function add(found, heading, index, text) {
  let program = found.at(-1);
  if (program?.heading !== heading) {
    program = { heading, line: index, code: [], printed: [] };
    found.push(program);
  }
  // As many lines as in the document, so that a stack names the document's line.
  while (program.line + program.code.length < index) program.code.push('');
  program.code.push(text);
  const printed = /\bconsole\.log\(.*\);\s*\/\/ (.*)$/.exec(text);
  if (printed !== null) program.printed.push(printed[1].trimEnd());
}

/** What documents require besides ralloc. */
const OTHERS = [
  '@fastify/multipart',
  '@fastify/websocket',
  '@hono/node-server',
  '@opentelemetry/api',
  '@opentelemetry/exporter-prometheus',
  '@opentelemetry/sdk-metrics',
  'express',
  'express-ws',
  'fastify',
  'hono',
  'koa',
  'light-my-request',
  'multer',
  'prom-client',
  'supertest',
  'ws',
];

/** A folder in which `require('ralloc')` is this package, and other packages are ours. */
function packageFolder(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-docs-'));
  t.teardown(() => fs.rmSync(dir, { recursive: true }));
  linkPackage(dir, 'ralloc', root);
  for (const name of OTHERS) linkPackage(dir, name, path.join(root, 'node_modules', name));
  return dir;
}

/** The servers of the program that runs: whatever port it names, they listen on a free one. */
const listening = new AsyncLocalStorage();
const { listen } = net.Server.prototype;
net.Server.prototype.listen = function listenAnywhere(...args) {
  const servers = listening.getStore();
  const { port = args[0] } = Object(args[0]);
  // What supertest listens on is free anyway, and closed again.
  if (servers === undefined || typeof port !== 'number' || port === 0)
    return listen.apply(this, args);
  servers.push(this);
  return listen.call(this, 0, '127.0.0.1', ...args.filter((arg) => typeof arg === 'function'));
};

/** The servers that `run` lets listen, once they do. They are closed when the test is over. */
async function serversOf(t, run) {
  const servers = [];
  t.teardown(() => {
    for (const server of servers) {
      server.close();
      server.closeAllConnections?.();
    }
  });
  const result = await listening.run(servers, run);
  for (const server of servers) if (!server.listening) await once(server, 'listening');
  return { result, servers };
}

/**
 * Runs a program: { printed, servers, ...named }, the lines it printed, the servers that listen, and the variables in
 * `names`. `given` are names that it does not declare.
 */
async function runProgram(t, { file, line, code }, { given = {}, names = [] } = {}) {
  const dir = packageFolder(t);
  const script = path.join(dir, 'program.js');
  fs.writeFileSync(script, code);
  const printed = [];
  const console = { ...globalThis.console, log: (...words) => printed.push(format(...words)) };
  const params = { require: createRequire(script), __filename: script, __dirname: dir, console };
  const bindings = { ...params, ...given };
  const awaited = code.replace(/^main\(\);$/m, 'await $&'); // what a CommonJS module cannot write
  const run = vm.compileFunction(
    `return (async () => {${awaited}\nreturn { ${names.join(', ')} };\n})();`,
    Object.keys(bindings),
    { filename: path.join(root, file), lineOffset: line },
  );
  const { result, servers } = await serversOf(t, () => run(...Object.values(bindings)));
  return { printed, servers, ...result };
}

/** GitHub's name for a heading in links. */
const anchorOf = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

/** A document's text outside of fenced code. */
const proseOf = (file) =>
  fs.readFileSync(path.join(root, file), 'utf8').replace(/^```[\s\S]*?^```$/gm, '');

/** The links and pictures of a document that lead to no file, or no heading of it. */
function brokenLinks(file) {
  const found = proseOf(file).matchAll(/\]\(([^)\s]+)\)|\b(?:src|srcset)="([^"]+)"/g);
  const links = [...found].map(([, link, picture]) => link ?? picture);
  return links.filter((link) => {
    if (/^https?:/.test(link)) return false;
    const [target, anchor] = link.split('#');
    const other = target === '' ? file : path.join(path.dirname(file), target);
    if (!fs.existsSync(path.join(root, other))) return true;
    if (anchor === undefined) return false;
    const headings = [...proseOf(other).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading);
    return !headings.map(anchorOf).includes(anchor);
  });
}

module.exports = { allDocuments, programs, proseOf, runProgram, packageFolder, brokenLinks };
