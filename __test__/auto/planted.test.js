'use strict';
// tier: soak

// How much RALLOC_AUTO=report says that each kind of memory has grown by: within a tenth of what was planted, also by an addon. memory.test.js has which kind it says.

const { execFileSync } = require('node:child_process');
const path = require('node:path');
const { before, serial } = require('ava');
const { sharp } = require('../helpers/addons.js');
const { testWhere } = require('../helpers/backend.js');
const { fixturePath, run } = require('../helpers/child.js');
const { newFolder, removeFolder } = require('../helpers/folder.js');

const PRELOAD = path.join(__dirname, '..', '..', 'lib', 'auto', 'preload.js');
const MB = 1e6;
const UNITS = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };
const folder = newFolder();
const addon = path.join(folder, 'leaks.node');

before('an addon is compiled', () => {
  execFileSync('cc', ['-O1', '-shared', '-fPIC', '-o', addon, fixturePath('auto/leaks.c')]);
});
serial.after.always('clean up', () => removeFolder(folder));

/** The first line of the report, and by how much RSS has grown. */
async function toldOf(t, plant) {
  const { code, stderr, result } = await run('auto/plant.js', {
    args: [plant, addon],
    execArgv: ['--expose-gc', '--require', PRELOAD],
    env: { RALLOC_AUTO: 'report' },
  });
  t.is(code, 0, stderr);
  const line = stderr.split('\n').find((one) => one.startsWith('ralloc: memory: '));
  t.log(line);
  return { line, grown: result };
}

const PLANTED = {
  addon: [/native memory, of addons perhaps \(leaks\.node/, 200 * MB],
  native: [/native memory/, 120 * MB],
  buffers: [/Buffers that live/, 100 * MB],
  heap: [/objects of V8's heap/, 100 * MB],
  garbage: [/has not collected/, 130 * MB],
  ralloc: [/of ralloc$/, 100 * MB],
  zlib: [/node:zlib/], // what one takes, nobody tells: as much as RSS
};

const test = (title, body) => testWhere(process.platform === 'linux', 'Linux', title, body, serial);

for (const [plant, [what, planted]] of Object.entries(PLANTED)) {
  test(`${plant}: as much is told as was planted`, async (t) => {
    const { line, grown } = await toldOf(t, plant);
    t.regex(line, what);
    const [, number, unit] = /: ([\d.]+) ([KMG]iB) more are /.exec(line);
    const share = (number * UNITS[unit]) / (planted ?? grown);
    t.true(share > 0.9 && share < 1.1, `${share} of it: ${line}`);
  });
}

test('an addon that frees what it allocates: nothing unusual', async (t) => {
  t.regex((await toldOf(t, 'addon, healthy')).line, /: nothing unusual$/);
});

testWhere(
  sharp !== undefined,
  'sharp',
  'what sharp has had is native, or kept by malloc; small pictures are nothing unusual',
  async (t) => {
    const { line } = await toldOf(t, 'sharp');
    t.regex(
      line,
      / more are (?:native memory, of addons perhaps \(.*sharp|freed, and kept by malloc)/,
    );
    t.regex((await toldOf(t, 'sharp, healthy')).line, /: nothing unusual$/);
  },
  serial,
);
