'use strict';

// tier: tools

const fs = require('node:fs');
const path = require('node:path');
const test = require('ava');
const { CORPUS } = require('../../../scripts/reports/corpus.js');

const SERVERS = path.join(__dirname, '..', '..', '..', 'scripts', 'reports');

test('each server of the corpus has a healthy twin, and its changes are of lines that it has', (t) => {
  for (const [name, { healthy, cured = [] }] of Object.entries(CORPUS)) {
    const text = fs.readFileSync(path.join(SERVERS, `${name}.js`), 'utf8');
    t.true(healthy.length > 0, name);
    for (const [before] of [...healthy, ...cured])
      t.true(text.includes(before), `${name}: ${before}`);
  }
});
