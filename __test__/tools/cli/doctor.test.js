'use strict';
// tier: tools

// `ralloc doctor` tries the parts of ralloc/auto on this Node, and names those that do not apply: here to functions that something has changed before.
// One after another: a part has ten seconds, which many doctors at once can take on a busy machine.

const test = require('ava');
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { promisify } = require('node:util');
const { folder } = require('../../helpers/folder.js');
const { bin } = require('../../helpers/profile.js');

const run = promisify(execFile);
const INTERNALS = path.join(__dirname, '..', '..', '..', 'lib', 'base', 'internals.js');
const PARTS = ['compressors', 'files', 'streams', 'bodies', 'trim', 'inventory', 'pool-size'];

/** What doctor says of the parts after `text` was loaded: `{ applied, left, lacks }`; `lacks`: of Node's internals. */
async function parts(t, text, env = {}) {
  const preload = path.join(folder(t), 'preload.js');
  fs.writeFileSync(preload, text);
  const { stdout } = await run(process.execPath, ['--require', preload, bin, 'doctor'], {
    env: { ...process.env, ...env },
  });
  const [, applied] = /^ralloc\/auto: (.*)$/m.exec(stdout);
  const left = stdout.match(/^[\w-]+: not applied, .*$/gm) ?? [];
  const lacks = [...stdout.matchAll(/^(\w+): not as known, /gm)].map(([, part]) => part);
  return { applied: applied.split(', '), left, lacks };
}

const WRAP = `const wrap = (object, name, original = object[name]) => {
  Object.defineProperty(object, name, { configurable: true, writable: true, value(...args) { return Reflect.apply(original, this, args); } });
};
`;

for (const [what, text, left, lacks = []] of [
  ['nothing is changed', '', {}],
  [
    'the streams of files have lost a method',
    "delete require('node:fs').ReadStream.prototype._read",
    { files: 'fs.ReadStream changed: The _read() method is not implemented' },
  ],
  [
    'the reads of files are patched',
    "wrap(require('node:fs'), 'createReadStream')",
    { files: 'fs.createReadStream changed' },
    ['files'],
  ],
  [
    'compression is patched',
    "for (const name of ['createGzip', 'createDeflate', 'createDeflateRaw']) wrap(require('node:zlib'), name)",
    { compressors: 'zlib.createGzip changed' },
    ['compression'],
  ],
  [
    'handles of compression cannot be used again',
    "for (let of = require('node:zlib').createGzip()._handle; of; of = Object.getPrototypeOf(of)) delete of.asyncReset",
    { compressors: 'zlib.Gzip changed' },
  ],
  [
    'pipe() is patched',
    "wrap(require('node:stream').Readable.prototype, 'pipe')",
    { streams: 'stream.Readable changed', bodies: 'node:http changed' },
  ],
  [
    'messages are read in another way',
    "wrap(require('node:http').IncomingMessage.prototype, 'push')",
    { streams: 'pipe() of node:http changed', bodies: 'node:http changed' },
  ],
  [
    'streams have changed',
    `require(${JSON.stringify(INTERNALS)}).INTERNALS.streams.isAlike = () => false`,
    {
      files: 'fs.createReadStream changed',
      streams: 'stream.Readable changed',
      bodies: 'node:http changed',
    },
    ['streams'],
  ],
  [
    'process has lost what is not documented',
    'for (const name of ["moduleLoadList", "binding"]) delete process[name]',
    {},
    ['loaded', 'texts'],
  ],
  [
    'Node is newer than all that are known',
    "const define = (name, value) => Object.defineProperty(process, name, { value }); define('versions', { ...process.versions, node: '99.0.0' }); define('version', 'v99.0.0')",
    { compressors: 'Node v99.0.0 is not known', 'pool-size': 'Node v99.0.0 is not known' },
  ],
]) {
  test.serial(`doctor names the parts of ralloc/auto that do not apply: ${what}`, async (t) => {
    const found = await parts(t, WRAP + text);
    t.deepEqual(
      found.left,
      Object.entries(left).map(([name, why]) => `${name}: not applied, ${why}`),
    );
    t.deepEqual(found.lacks, lacks);
    const isTrimmed = !process.env.RALLOC_TRIM;
    const names = PARTS.filter((name) => !(name in left) && (isTrimmed || name !== 'trim'));
    t.deepEqual(found.applied, names);
  });
}

test.serial(
  'doctor with ralloc/auto and a limit in its environment shows what Node has',
  async (t) => {
    const preload = path.join(__dirname, '..', '..', '..', 'lib', 'auto', 'preload.js');
    const env = { NODE_OPTIONS: `--require "${preload}"`, RALLOC_MEMORY_LIMIT: 'container' };
    const { left, lacks } = await parts(t, '', env);
    t.deepEqual([left, lacks], [[], []]);
  },
);

test('doctor says that ralloc/auto is off', async (t) => {
  const found = await parts(t, '', { RALLOC_DISABLED: '1' });
  t.deepEqual(found, { applied: ['off', 'by RALLOC_DISABLED'], left: [], lacks: [] });
});

test('--json: each check with its value, and its advice or null', async (t) => {
  const { stdout } = await run(process.execPath, [bin, 'doctor', '--json']);
  const { checks } = JSON.parse(stdout);
  t.is(checks.find(({ name }) => name === 'Node').value, process.version);
  for (const { name, value, advice } of checks)
    t.true([name, value].every((text) => typeof text === 'string') && advice !== undefined, name);
});
