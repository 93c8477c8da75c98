'use strict';
// tier: tools

// The section of a table in the page of a report, in a real browser.

const { serial: test } = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { textOf } = require('../../../lib/site/table-file.js');
const { bake } = require('../../../tools/placement/bake/bake.js');
const { profileOf, sourceFile } = require('../../helpers/baked.js');
const { browserTest, launch, openPage, quit } = require('../../helpers/chromium.js');
const { newFolder, removeFolder } = require('../../helpers/folder.js');
const { ralloc } = require('../../helpers/profile.js');

const axe = fs.readFileSync(require.resolve('axe-core'), 'utf8');
const dir = newFolder();

test.before('write the page, and start the browser', async (t) => {
  const at = sourceFile(dir, 'const make = (n) => Buffer.alloc(n);\n')('Buffer.alloc');
  const sites = [
    { at, ms: 20_000 },
    { at, source: 'site(<rows>)', samples: 200, inRequest: true },
  ];
  const profile = profileOf(sites, { collections: 10_000 });
  profile.write(path.join(dir, 'app.jsonl'));
  fs.writeFileSync(path.join(dir, 'x.json'), textOf(bake(profile, { folder: dir }).table));
  const { code, stderr } = await ralloc(['report', 'app.jsonl', 'x.json'], { cwd: dir });
  t.is(code, 0, stderr);
  await launch(t);
});

test.after.always('stop the browser', async (t) => {
  await quit(t);
  removeFolder(dir);
});

browserTest(
  'shows where bytes belong, the sites, and the borders with a table beside them',
  async (t) => {
    for (const options of [{}, { width: 360, colorScheme: 'dark' }]) {
      const { page, complaints } = await openPage(t, path.join(dir, 'app.html'), options);
      const section = page.locator('#placement');
      const [strategies, sites, clusters] = await section.locator('table').all();
      t.regex(await strategies.textContent(), /the arena of the request13\.1 MB67 %/);
      t.regex(await sites.textContent(), /site\('<rows>'\)/);
      t.is(await clusters.locator('tbody tr').count(), 2);
      t.is(await section.locator('svg.borders .border').count(), 1);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => axe.run('#placement'));
      t.deepEqual(
        violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]),
        [],
      );
      t.deepEqual(complaints, []);
    }
  },
  test,
);
