'use strict';
// tier: tools

// Bytes by stack in a real browser: by the pointer, by the keyboard alone, in the light and in the dark.

const { serial: test } = require('ava');
const { browserTest, launch, openPage, quit, writePages } = require('../../helpers/chromium.js');
const { newFolder, removeFolder } = require('../../helpers/folder.js');

const dir = newFolder();

test.before('write the pages, and start the browser', async (t) => {
  Object.assign(t.context, await writePages(dir));
  await launch(t);
});

test.after.always('stop the browser', async (t) => {
  await quit(t);
  removeFolder(dir);
});

const inBrowser = (title, body) => browserTest(title, body, test);

inBrowser('bytes by stack: allocated, alive, and at the peak', async (t) => {
  const { page, complaints } = await openPage(t, t.context.one);
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
  t.deepEqual(complaints, []);
});

inBrowser('bytes by stack, by the keyboard alone', async (t) => {
  const { page, complaints } = await openPage(t, t.context.one);
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
  t.deepEqual(complaints, []);
});

inBrowser('marks what is searched for among the stacks, as it is written', async (t) => {
  const { page, complaints } = await openPage(t, t.context.one);
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
  t.deepEqual(complaints, []);
});

inBrowser('follows a change from light to dark while it is open', async (t) => {
  const { page } = await openPage(t, t.context.one, { colorScheme: 'light' });
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
