'use strict';

// node scripts/release/publish.js DIR [--dry-run]   publishes what scripts/release/stage.js put into DIR: the platforms' packages
// first, so that ralloc is never there without them. What is published already is left alone, so that a
// run that broke off can be repeated. A version such as 1.0.0-beta.1 gets the tag `next`.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { program } = require('../lib/program.js');

const NPM = process.platform === 'win32' ? 'npm.cmd' : 'npm';

function npm(args, stdio) {
  const { status, stdout, stderr, error } = spawnSync(NPM, args, {
    stdio,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  if (error) throw error;
  return { status, stdout, stderr };
}

function isPublished(name, version) {
  const { status, stdout, stderr } = npm(
    ['view', '--json', `${name}@${version}`, 'version'],
    'pipe',
  );
  if (status === 0) return stdout.trim() !== '';
  if (/\bE404\b/.test(stdout + stderr)) return false;
  throw new Error(`npm view ${name} failed: ${stderr}`);
}

function publish(folder, dryRun) {
  const manifest = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
  const { name, version } = manifest;
  if (isPublished(name, version)) return console.log(`${name}@${version} is published already`);
  const tag = version.includes('-') ? 'next' : 'latest';
  const args = ['publish', folder, '--access', 'public', '--tag', tag];
  const { status } = npm(dryRun ? [...args, '--dry-run'] : args, ['ignore', 'inherit', 'inherit']);
  if (status !== 0) throw new Error(`npm publish ${name} failed`);
  return console.log(`${name}@${version} ${dryRun ? 'would be published' : 'published'} as ${tag}`);
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { 'dry-run': { type: 'boolean', default: false } },
  });
  if (positionals.length !== 1)
    throw new Error('usage: node scripts/release/publish.js DIR [--dry-run]');
  const root = path.resolve(positionals[0]);
  const platforms = fs.readdirSync(path.join(root, 'npm')).sort();
  const folders = [...platforms.map((name) => path.join(root, 'npm', name)), root];
  for (const folder of folders) publish(folder, values['dry-run']);
}

program(main);
