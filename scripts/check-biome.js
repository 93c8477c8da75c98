'use strict';

// biome finds nothing to format and nothing to lint, not even a warning.

const { spawnSync } = require('node:child_process');
const path = require('node:path');

const root = path.join(__dirname, '..');
const manifest = require.resolve('@biomejs/biome/package.json');
const biome = path.join(path.dirname(manifest), require(manifest).bin.biome);
const { status } = spawnSync(process.execPath, [biome, 'check', '--error-on-warnings'], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
});
process.exitCode = status === 0 ? 0 : 1;
