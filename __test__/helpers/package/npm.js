'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const { dirname, delimiter, join } = require('node:path');

/** npm's own program: beside this Node, or beside the one on PATH (Nodes that were got from npm have none). */
function findNpm() {
  const beside = [
    process.execPath,
    ...process.env.PATH.split(delimiter).map((dir) => join(dir, 'npm')),
  ]
    .filter((file) => fs.existsSync(file))
    .flatMap((file) => [file, fs.realpathSync(file)])
    .flatMap((file) => {
      const npm = join('node_modules', 'npm', 'bin', 'npm-cli.js');
      return [
        join(dirname(file), 'npm-cli.js'),
        join(dirname(file), npm),
        join(dirname(file), '..', 'lib', npm),
      ];
    });
  return [process.env.npm_execpath ?? '', ...beside].find(
    (file) => file.endsWith('npm-cli.js') && fs.existsSync(file),
  );
}

/**
 * An environment in which npm knows nothing of this machine: settings, caches and PATH are in `home`. NODE_OPTIONS stay, which an emulator's
 * Node may need.
 */
function cleanEnv(home, registry) {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|node_(?!options$)|rust|cargo|ralloc|path$)/i.test(name),
  );
  return {
    ...Object.fromEntries(kept),
    PATH: home,
    HOME: home,
    USERPROFILE: home,
    npm_config_cache: join(home, 'cache'),
    npm_config_userconfig: join(home, 'npmrc'),
    npm_config_globalconfig: join(home, 'global-npmrc'),
    npm_config_registry: registry,
    npm_config_update_notifier: 'false',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
  };
}

/** Runs a program to its end: { code, stdout, stderr }. */
async function execute(file, args, options) {
  const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const out = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr']) {
    child[stream].setEncoding('utf8').on('data', (text) => {
      out[stream] += text;
    });
  }
  const [code] = await once(child, 'close');
  return { code, ...out };
}

/** Runs npm in `cwd`; throws what it said if it fails. */
async function npm(args, { cwd, env }) {
  const { code, stdout, stderr } = await execute(process.execPath, [findNpm(), ...args], {
    cwd,
    env,
  });
  if (code !== 0) throw new Error(`npm ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`);
  return stdout;
}

module.exports = { cleanEnv, execute, findNpm, npm };
