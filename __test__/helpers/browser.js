'use strict';

// A real browser: RALLOC_CHROMIUM, or one that is on PATH.

const fs = require('node:fs');
const path = require('node:path');

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

function findChromium({ RALLOC_CHROMIUM, PATH = '' } = process.env) {
  if (RALLOC_CHROMIUM !== undefined) return RALLOC_CHROMIUM;
  const places = NAMES.flatMap((name) =>
    PATH.split(path.delimiter).map((dir) => path.join(dir, name)),
  );
  return places.find((file) => fs.existsSync(file));
}

function launchChromium() {
  const { chromium } = require('playwright-core');
  return chromium.launch({
    executablePath: findChromium(),
    // The user of a container is root, and its /dev/shm is small. The pages are our own.
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
}

module.exports = { findChromium, launchChromium };
