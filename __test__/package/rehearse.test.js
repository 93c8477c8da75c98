'use strict';
// tier: tools, long

// scripts/release/rehearse.js, with the binary that is here and the manager that everybody has; and what it says of bad input.

const test = require('ava');
const fs = require('node:fs');
const { dirname, join } = require('node:path');
const { ELSEWHERE, MANAGERS, getManagers } = require('../../scripts/release/managers.js');
const { testWhere } = require('../helpers/backend.js');
const { folder } = require('../helpers/folder.js');
const { execute } = require('../helpers/package/npm.js');
const { hostBinary, platform, root } = require('../helpers/package/release.js');

const rehearse = (...args) =>
  execute(process.execPath, [join(root, 'scripts', 'release', 'rehearse.js'), ...args], {
    cwd: root,
  });

testWhere(
  hostBinary() !== undefined,
  'a binary',
  'a release is staged, published on loopback, and installed by npm in every way',
  async (t) => {
    const args = ['--managers', 'npm', '--binaries', dirname(hostBinary())];
    const { code, stdout, stderr } = await rehearse(...args);
    t.is(code, 0, `${stdout}${stderr}`);
    const [titles, , npm, ...rest] = stdout.trimEnd().split('\n');
    t.is(
      titles,
      `|  | as it comes | without optional packages | without scripts | from a lockfile of ${ELSEWHERE.platform} |`,
    );
    t.is(npm, '| npm | native | the fallback; by its command native | native | native |');
    t.deepEqual(rest, ['', '4 passed, 0 failed']);
    t.regex(stderr, new RegExp(`^${platform}: taken$`, 'm'));
    t.regex(stderr, /^win32-arm64-msvc: a stand-in$/m);
    t.regex(stderr, /^9 packages of .+ are published on loopback$/m);
  },
);

for (const [what, args, message] of [
  [
    'a manager that it does not know',
    ['--managers', 'npm,deno'],
    /^rehearse: there is no manager "deno"; there are npm, pnpm-10, /,
  ],
  [
    'a folder without binaries',
    ['--binaries', 'absent'],
    /^rehearse: .+absent has no ralloc\..+\.node, which this machine needs$/m,
  ],
  ['an unknown option', ['--fast'], /^rehearse: Unknown option '--fast'/],
]) {
  test(`${what} is one line and exit code 2`, async (t) => {
    const { code, stdout, stderr } = await rehearse(...args);
    t.deepEqual([code, stdout], [2, '']);
    t.regex(stderr, message);
    t.is(stderr.trimEnd().split('\n').length, 1);
  });
}

test('managers that cannot be had are named, and none is left half-installed', async (t) => {
  const into = folder(t);
  // Nobody listens on port 1.
  const env = {
    ...process.env,
    npm_config_registry: 'http://127.0.0.1:1/',
    npm_config_fetch_retries: '0',
    npm_config_cache: join(into, 'cache'),
    npm_config_loglevel: 'notice',
    npm_config_logs_max: '0',
  };
  const why = await getManagers(['npm', 'yarn-1', 'bun'], join(into, 'managers'), env);
  t.regex(why, /^yarn-1, bun cannot be had: npm error code \w+$/);
  t.deepEqual(
    fs.readdirSync(into).filter((name) => name.startsWith('managers')),
    [],
  );
});

test('what is there is not fetched again, and npm is always there', async (t) => {
  const into = folder(t);
  const env = { npm_config_registry: 'http://127.0.0.1:1/' };
  t.is(await getManagers(['npm'], into, env), undefined);
  for (const name of Object.keys(MANAGERS.bun.packages)) {
    fs.mkdirSync(join(into, 'node_modules', name), { recursive: true });
    fs.writeFileSync(join(into, 'node_modules', name, 'package.json'), '{}');
  }
  t.is(await getManagers(['bun', 'npm'], into, env), undefined);
});
