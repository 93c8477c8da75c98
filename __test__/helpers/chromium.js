'use strict';

// A real browser for the page of a report.

const fs = require('node:fs');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');
const { testWhere } = require('./backend.js');
const { findChromium, launchChromium } = require('./browser.js');
const { run } = require('./child.js');
const { serviceFile } = require('./service.js');

/** A test in the browser, of which a file starts one: `test.before(launch)` and `test.after.always(quit)`. */
function browserTest(title, body, run) {
  testWhere(findChromium() !== undefined, 'Chromium or Chrome on PATH', title, body, run);
}

async function launch(t) {
  if (findChromium() !== undefined) t.context.browser = await launchChromium();
}

const quit = (t) => t.context.browser?.close();

/**
 * Opens a file, and waits until it is drawn. What the page says to the console, throws, or asks for but itself, is in
 * `complaints`, and there should be nothing.
 */
async function openPage(t, file, { width = 1280, height = 900, ...options } = {}) {
  const context = await t.context.browser.newContext({
    viewport: { width, height },
    reducedMotion: 'reduce',
    ...options,
  });
  t.teardown(() => context.close());
  context.setDefaultTimeout(0); // ava has one, and no machine is too slow
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.stack));
  page.on('dialog', (dialog) => complaints.push(dialog.message()) && dialog.dismiss());
  page.on('request', (request) => {
    if (request.url() !== url && !request.url().startsWith('data:')) complaints.push(request.url());
  });
  const url = pathToFileURL(file).href;
  await page.goto(url);
  await page.locator('h1').waitFor();
  return { page, complaints };
}

/** Writes the page of profiles, given as bytes, into a folder; resolves with its file. */
async function writePage(dir, name, ...profiles) {
  const files = profiles.map((_, index) => join(dir, `${name}-${index}.jsonl`));
  for (const [index, file] of files.entries()) fs.writeFileSync(file, profiles[index]);
  const page = join(dir, `${name}.html`);
  const ralloc = join(__dirname, '..', '..', 'bin', 'ralloc.js');
  const { code, stderr } = await run('', { path: ralloc, args: ['report', ...files, '-o', page] });
  if (code !== 0) throw new Error(stderr);
  return page;
}

/** Later than the code was written, which is else said to have changed. */
const afterSources = () => Math.ceil(Date.now() / 2000) * 2000;

/** Writes the pages of the service into a folder, of one recording and of two, before and after. */
async function writePages(dir) {
  const start = afterSources();
  const before = serviceFile({ start, leak: 200_000, churn: 150_000_000, seconds: 40 });
  const one = await writePage(dir, 'one', serviceFile({ start }));
  return { one, two: await writePage(dir, 'two', before, serviceFile({ start })) };
}

module.exports = {
  afterSources,
  browserTest,
  findChromium,
  launch,
  openPage,
  quit,
  writePage,
  writePages,
};
