'use strict';
// tier: soak

// The page of a report in a real browser: what it shows, by the pointer, by the keyboard, and for screen readers. page.test.js has what
// needs no browser.

const { serial: test } = require('ava');
const fs = require('node:fs');
const { delimiter, join } = require('node:path');
const { pathToFileURL } = require('node:url');
const { encode } = require('../../../tools/recorder/lines.js');
const { testWhere } = require('../../helpers/backend.js');
const { called } = require('../../helpers/cli.js');
const { newFolder, removeFolder } = require('../../helpers/folder.js');
const { recording, site } = require('../../helpers/recorded.js');
const { serviceFile } = require('../../helpers/service.js');
const { Profile } = require('../../helpers/sums.js');

/** A real browser: RALLOC_CHROMIUM, or one that is on PATH. */
const CHROMIUM =
  process.env.RALLOC_CHROMIUM ??
  ['chromium', 'chromium-browser', 'google-chrome']
    .flatMap((name) => process.env.PATH.split(delimiter).map((dir) => join(dir, name)))
    .find((file) => fs.existsSync(file));

const axe = fs.readFileSync(require.resolve('axe-core'), 'utf8');
const dir = newFolder();
const hasBrowser = CHROMIUM !== undefined;

test.before('write the pages, and start the browser', async (t) => {
  const start = afterSources();
  const before = serviceFile({ start, leak: 200_000, churn: 150_000_000, seconds: 40 });
  t.context.one = await writePage('one', serviceFile({ start }));
  t.context.two = await writePage('two', before, serviceFile({ start }));
  if (!hasBrowser) return;
  t.context.browser = await require('playwright-core').chromium.launch({
    executablePath: CHROMIUM,
    // The user of a container is root, and its /dev/shm is small. The pages are our own.
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
});

test.after.always('stop the browser', async (t) => {
  await t.context.browser?.close();
  removeFolder(dir);
});

const inBrowser = (title, body) =>
  testWhere(hasBrowser, 'Chromium or Chrome on PATH', title, body, test);

/** Opens a file, and waits until it is drawn. The test fails if the page says something to the console, throws, or asks for anything but itself. */
async function openPage(t, file, { width = 1280, height = 900, ...options } = {}) {
  const context = await t.context.browser.newContext({
    viewport: { width, height },
    reducedMotion: 'reduce',
    ...options,
  });
  const complaints = [];
  t.teardown(async () => {
    await context.close();
    if (complaints.length > 0) throw new Error(complaints.join('\n'));
  });
  context.setDefaultTimeout(0); // ava has one, and no machine is too slow
  const page = await context.newPage();
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.stack));
  page.on('dialog', (dialog) => complaints.push(dialog.message()) && dialog.dismiss());
  page.on('request', (request) => {
    if (request.url() !== url && !request.url().startsWith('data:')) complaints.push(request.url());
  });
  const url = pathToFileURL(file).href;
  await page.goto(url);
  await page.locator('h1').waitFor();
  return page;
}

/** Later than the code was written, which is else said to have changed. */
const afterSources = () => Math.ceil(Date.now() / 2000) * 2000;

/** Writes the page of profiles, given as bytes; resolves with its file. */
async function writePage(name, ...profiles) {
  const files = profiles.map((_, index) => join(dir, `${name}-${index}.jsonl`));
  for (const [index, file] of files.entries()) fs.writeFileSync(file, profiles[index]);
  const page = join(dir, `${name}.html`);
  const { code, stderr } = await called(['report', ...files, '-o', page]);
  if (code !== 0) throw new Error(stderr);
  return page;
}

const namesOf = (page) => page.locator('#lines tbody > tr > th button.line').allTextContents();

inBrowser('shows the findings, the lines with code, and charts with tables', async (t) => {
  const page = await openPage(t, t.context.one);
  t.is(await page.title(), 'Buffer profile: node server.js');
  t.is(await page.locator('h1').textContent(), 'node server.js');
  t.deepEqual(await page.locator('.finding h3 .tag').allTextContents(), [
    'Pins',
    'Grows',
    'Churns',
    'Churns',
    'Churns',
  ]);
  const leak = page.locator('.finding.leak');
  t.regex(await leak.textContent(), /sessions\.js:9 in remember\(\) keeps what it allocates/);
  t.is(await leak.locator('mark').textContent(), '  sessions.set(id, Buffer.from(body));');
  t.regex(
    await page.locator('.finding.pin .now').textContent(),
    /^keep Buffer\.from\(new Uint8Array\(part\)\.buffer\) in the place of the part: /,
  );
  t.regex(
    await page.locator('.now .command').first().textContent(),
    /^npx ralloc profile --snapshot-above /,
  );
  t.deepEqual((await namesOf(page)).slice(0, 3), [
    'rows.js:12',
    'HTTP bodies of POST /rows',
    'rows.js:25',
  ]);
  await page.locator('.flame g.frame').first().waitFor();
  for (const chart of await page.locator('.chart').all()) await chart.locator('canvas').waitFor();
  const charts = await page.locator('figure').count();
  t.is(charts, 10);
  t.is(await page.locator('figure details.as-table').count(), charts);
  t.is(await page.locator('#stacks details.as-table').count(), 1);
});

inBrowser('sorts by any column, both ways', async (t) => {
  const page = await openPage(t, t.context.one);
  const header = page.locator('#lines thead th', { hasText: 'Alive at the end' });
  await header.getByRole('button').click();
  t.is(await header.getAttribute('aria-sort'), 'descending');
  t.deepEqual((await namesOf(page)).slice(0, 2), ['sessions.js:9', 'cache.js:15']);
  await header.getByRole('button').click();
  t.is(await header.getAttribute('aria-sort'), 'ascending');
  t.deepEqual((await namesOf(page)).slice(-2), ['cache.js:15', 'sessions.js:9']);
  const line = page.locator('#lines thead th', { hasText: 'Line' });
  await line.getByRole('button').click();
  t.is(await line.getAttribute('aria-sort'), 'ascending');
  t.is(await header.getAttribute('aria-sort'), null);
  t.is((await namesOf(page))[0], 'cache.js:15');
});

inBrowser('filters by file, function and route, and says how many lines are left', async (t) => {
  const page = await openPage(t, t.context.one);
  const status = page.locator('#lines [role=status]');
  t.is(await status.textContent(), '9 of 9 lines');
  await page.getByLabel('Filter').fill('SESSIONS');
  t.deepEqual(await namesOf(page), ['sessions.js:9', 'sessions.js:16']);
  t.is(await status.textContent(), '2 of 9 lines');
  await page.getByLabel('Filter').fill('post /rows');
  t.deepEqual(await namesOf(page), ['rows.js:12', 'HTTP bodies of POST /rows', 'rows.js:25']);
  await page.getByLabel('Show', { exact: true }).selectOption('node');
  t.deepEqual(await namesOf(page), ['HTTP bodies of POST /rows']);
  await page.getByLabel('Filter').fill('nothing of the kind');
  t.is(await page.locator('#lines tbody').textContent(), 'No line matches.');
});

inBrowser('a line opens into its code, stacks, lifetimes and sizes, and closes', async (t) => {
  const page = await openPage(t, t.context.one);
  const button = page.locator('#lines button.line', { hasText: 'sessions.js:9' });
  t.is(await button.getAttribute('aria-expanded'), 'false');
  await button.click();
  t.is(await button.getAttribute('aria-expanded'), 'true');
  const details = page.locator(`#${await button.getAttribute('aria-controls')}`);
  t.is(await details.locator('mark').textContent(), '  sessions.set(id, Buffer.from(body));');
  t.is(await details.locator('.stacks > li').count(), 2);
  t.regex(await details.locator('.stacks').textContent(), /remember\(\) sessions\.js:9:26/);
  t.regex(
    await details.locator('.facts').textContent(),
    /3 % died with the request, 97 % outlived it/,
  );
  await details.locator('canvas').waitFor();
  await button.click();
  t.is(await details.count(), 0);
});

inBrowser('no line is marked of a source that changed since it was recorded', async (t) => {
  const page = await openPage(t, await writePage('old', serviceFile()));
  await page.locator('#lines button.line', { hasText: 'sessions.js:9' }).click();
  const text = await page.locator('#lines tbody').textContent();
  t.regex(text, /sessions\.js has changed since this was recorded/);
  t.is(await page.locator('#lines mark').count(), 0);
});

inBrowser('a finding leads to its line, also one that is filtered out', async (t) => {
  const page = await openPage(t, t.context.one);
  await page.getByLabel('Filter').fill('cache');
  await page.locator('.finding.leak button').click();
  const button = page.locator('#lines button.line[aria-expanded=true]');
  t.is(await button.textContent(), 'sessions.js:9');
  t.true(await button.evaluate((element) => element === document.activeElement));
});

for (const colorScheme of ['light', 'dark']) {
  inBrowser(`in the ${colorScheme} no rule of accessibility is broken`, async (t) => {
    const page = await openPage(t, t.context.two, { colorScheme });
    await page.locator('.flame g.frame').first().waitFor();
    await page.locator('#lines button.line', { hasText: 'sessions.js:9' }).click();
    await page.evaluate(() => {
      for (const one of document.querySelectorAll('details')) one.open = true;
    });
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    const found = violations.map(
      ({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 200)} ${nodes[0].failureSummary}`,
    );
    t.deepEqual(found, []);
  });
}

inBrowser('on a phone nothing but tables and code scrolls sideways', async (t) => {
  const page = await openPage(t, t.context.two, { width: 360, height: 740 });
  await page.locator('.flame g.frame').first().waitFor();
  await page.locator('#lines button.line').first().click();
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  t.is(width, 360);
});

inBrowser('before and after: what changed', async (t) => {
  const page = await openPage(t, t.context.two);
  const rows = await page.locator('#compare tbody tr').allTextContents();
  t.regex(rows[0], /^rows\.js:12parseRow\(\)14\d MB\/s9\d\.?\d* MB\/s−5\d\.\d MB\/sless/);
  t.regex(rows[1], /^sessions\.js:9remember\(\).+\+\d+ kB\/smore/);
  // Of a program that does one piece of work and ends, rates tell how long it took as well.
  const figures = await page.locator('#compare dl.figures > div').allTextContents();
  t.regex(figures[1], /^Allocated in all9\.8\d GB → 11\.\d GB \(\+\d\d %\)$/);
});

inBrowser('names that look like HTML are shown as they are, and run nothing', async (t) => {
  const name = '<img/src=x/onerror=alert(1)>';
  const behaviours = [
    { site: site('Buffer.alloc', [`${name} /a/${name}.js:1:1`], name), size: 100, perSecond: 5e6 },
  ];
  const file = await writePage('hostile', Buffer.concat(recording({ behaviours }).map(encode)));
  const page = await openPage(t, file);
  await page.locator('.flame g.frame').first().waitFor();
  await page.locator('#lines button.line').click();
  t.is(await page.locator('#page img').count(), 0);
  t.true((await page.locator('#lines').textContent()).includes(`${name}()`));
});

inBrowser('a profile in which nothing was sampled opens, and says so', async (t) => {
  const blocks = recording({ behaviours: [], seconds: 4 });
  const page = await openPage(t, await writePage('empty', Buffer.concat(blocks.map(encode))));
  t.regex(await page.locator('#findings').textContent(), /0 samples/);
  t.is(await page.locator('#lines tbody').textContent(), 'No line matches.');
});

inBrowser('a recording of a moment has no charts over time, and says why', async (t) => {
  const file = await writePage('short', serviceFile({ start: afterSources(), seconds: 2 }));
  const page = await openPage(t, file);
  t.is(await page.locator('#growth canvas, #churn canvas').count(), 0);
  t.regex(await page.locator('#growth').textContent(), /too short for a chart over time/);
  t.regex(await page.locator('.whole').textContent(), /Not seen[\d.]+ [kM]?B/);
  t.is(
    await page.locator('.finding.stays mark').last().textContent(),
    '  sessions.set(id, Buffer.from(body));',
  );
});

inBrowser('a merged profile has no history of its lines, and says so', async (t) => {
  const merged = Profile.from(serviceFile({ seconds: 20 })).toBuffer();
  const page = await openPage(t, await writePage('merged', merged));
  await page.locator('#growth canvas').waitFor();
  t.regex(await page.locator('#growth').textContent(), /no history of single lines/);
});

inBrowser('hundreds of lines: some at first, all when asked for', async (t) => {
  const behaviours = Array.from({ length: 300 }, (_, index) => ({
    site: site('Buffer.alloc', [
      `f${index} /a/b${index % 7}.js:${index + 1}:1`,
      `main /a/main.js:${index}:1`,
    ]),
    size: 100,
    perSecond: 10_000 + 100 * index,
    lives: [[0.9, 20]],
  }));
  const file = await writePage('many', Buffer.concat(recording({ behaviours }).map(encode)));
  const page = await openPage(t, file);
  t.is((await namesOf(page)).length, 25);
  await page.getByRole('button', { name: 'Show all 300' }).click();
  t.is((await namesOf(page)).length, 300);
});

inBrowser('bytes by stack: allocated, alive, and at the peak', async (t) => {
  const page = await openPage(t, t.context.one);
  const widest = () =>
    page.locator('.flame g.frame[aria-level="2"]').evaluateAll((frames) => {
      const width = (frame) => frame.getBoundingClientRect().width;
      return frames.sort((a, b) => width(b) - width(a))[0].getAttribute('aria-label');
    });
  await page.locator('.flame g.frame').first().waitFor();
  t.regex(await widest(), /^POST \/rows, 10\.\d GB, 8\d %$/);
  await page.getByLabel('Alive at the end', { exact: true }).check();
  t.regex(await widest(), /^POST \/login, 5\d\.\d MB, 59 %$/);
  await page.getByLabel('At the peak').check();
  t.regex(await widest(), /^POST \/login, /);
});

inBrowser('bytes by stack, by the keyboard alone', async (t) => {
  const page = await openPage(t, t.context.one);
  const focused = () => page.evaluate(() => document.activeElement.getAttribute('aria-label'));
  await page.locator('.flame g.frame').first().waitFor();
  await page.locator('#stacks').getByRole('button', { name: 'Show all' }).focus();
  await page.keyboard.press('Tab');
  t.regex(await focused(), /^all, /);
  for (const [key, name] of [
    ['ArrowDown', /^POST \/rows, /],
    ['ArrowRight', /^GET \/page, /],
    ['ArrowLeft', /^POST \/rows, /],
    ['ArrowDown', /^handle server\.js:32, /],
    ['ArrowUp', /^POST \/rows, /],
  ]) {
    await page.keyboard.press(key);
    t.regex(await focused(), name);
  }
  const width = () =>
    page.evaluate(() => Math.round(document.activeElement.getBoundingClientRect().width));
  const small = await width();
  await page.keyboard.press('Enter');
  await page.waitForFunction(
    (least) => document.activeElement.getBoundingClientRect().width > least,
    small * 1.1,
  );
  t.regex(await focused(), /^POST \/rows, /);
  await page.keyboard.press('Escape');
  await page.waitForFunction(
    (most) => document.activeElement.getBoundingClientRect().width < most,
    small * 1.05,
  );
});

inBrowser('marks what is searched for among the stacks, as it is written', async (t) => {
  const page = await openPage(t, t.context.one);
  await page.locator('.flame g.frame').first().waitFor();
  const colours = () =>
    page
      .locator('.flame rect')
      .evaluateAll((all) => new Set(all.map((one) => one.getAttribute('fill'))).size);
  const before = await colours();
  await page.getByLabel('Mark').fill('parserow rows.js');
  t.is(await colours(), before + 1);
  await page.getByLabel('Mark').fill('(');
  t.is(await colours(), before);
});

inBrowser('follows a change from light to dark while it is open', async (t) => {
  const page = await openPage(t, t.context.one, { colorScheme: 'light' });
  await page.locator('.flame g.frame').first().waitFor();
  const colour = () => page.locator('.flame rect').first().getAttribute('fill');
  const light = await colour();
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.waitForFunction(
    (was) => document.querySelector('.flame rect').getAttribute('fill') !== was,
    light,
  );
  t.not(await colour(), light);
});
