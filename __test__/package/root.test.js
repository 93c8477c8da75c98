'use strict';
// tier: tools

// The root of the repository, which a newcomer sees first.

const { join } = require('node:path');
const { listFiles } = require('../../scripts/lib/files.js');
const { needsGit } = require('../helpers/needs.js');

needsGit('the root folder has at most 30 entries, dotfiles not counted', (t) => {
  const entries = new Set(listFiles(join(__dirname, '..', '..')).map((file) => file.split('/')[0]));
  const shown = [...entries].filter((name) => !name.startsWith('.'));
  t.true(shown.includes('index.d.ts'));
  t.true(shown.length <= 30, `${shown.length}: ${shown.join(' ')}`);
});
