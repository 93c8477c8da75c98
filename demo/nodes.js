'use strict';

// Which Node.js the servers run on: the current LTS leads where the system's own is not one of the two newest
// LTS lines, or whatever --node says.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { engines } = require('../package.json');
const { fetchNode, NotFetched } = require('./download.js');
const { UsageError } = require('./options.js');
const { ltsOn, objection, today } = require('./releases.js');

const [LEAST_MAJOR, LEAST_MINOR] = /(\d+)\.(\d+)/.exec(engines.node).slice(1).map(Number);

const SCRIPT = `
  const { version, versions: { node, v8 } } = process;
  if (!node || !v8) process.exit(9);
  const [major, minor] = node.split('.').map(Number);
  const able = major > ${LEAST_MAJOR} || (major === ${LEAST_MAJOR} && minor >= ${LEAST_MINOR});
  const backend = able ? require(process.argv[1]).backend : null;
  console.log(JSON.stringify({ version, major, backend }));
`;

/** What a program is: `{ path, version, major, backend }`. `named` is what the user called it. */
function probe(file, named, env) {
  const index = path.join(__dirname, '..', 'lib', 'index.js');
  const { status, stdout, stderr, error } = spawnSync(file, ['-e', SCRIPT, index], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: 30_000,
  });
  const about = status === 0 ? parse(stdout) : null;
  if (about === null) {
    const why = error?.message ?? stderr.trim().split('\n')[0];
    throw new UsageError(`--node: "${named}" is not a working Node.js${why ? `: ${why}` : ''}`);
  }
  if (about.backend === null) {
    const least = `${LEAST_MAJOR}.${LEAST_MINOR}`;
    throw new UsageError(`--node: ${about.version} is too old: ralloc needs Node.js ${least}`);
  }
  return { path: file, ...about };
}

function parse(text) {
  try {
    const about = JSON.parse(text);
    return typeof about.version === 'string' ? about : null;
  } catch {
    return null;
  }
}

function program(value) {
  try {
    fs.accessSync(value, fs.constants.X_OK);
    if (fs.statSync(value).isFile()) return fs.realpathSync(value);
  } catch {}
  throw new UsageError(`--node: "${value}" is neither a program nor a major version nor "self"`);
}

/** `{ lead, own, notes }`: the Node of the headline, the system's where it follows, and lines to say. */
async function choose({ node, env, fetching, day = today(), self = process.execPath }) {
  const own = () => probe(self, self, env);
  if (node === 'self') return { lead: own(), own: null, notes: [] };
  if (node !== null && !/^\d+$/.test(node)) {
    return { lead: probe(program(node), node, env), own: null, notes: [] };
  }
  const system = own();
  if (node !== null) {
    const major = Number(node);
    if (major < LEAST_MAJOR) {
      throw new UsageError(
        `--node: ${major} is too old: ralloc needs Node.js ${LEAST_MAJOR}.${LEAST_MINOR}`,
      );
    }
    if (major === system.major) return { lead: system, own: null, notes: [] };
    const { path: file } = await fetchNode(major, fetching);
    return { lead: probe(file, file, env), own: null, notes: [] };
  }
  const reason = objection(system.major, day);
  if (reason === null) return { lead: system, own: null, notes: [] };
  const [lts] = ltsOn(day);
  const why = `Node.js ${system.version} ${reason}`;
  try {
    const { path: file } = await fetchNode(lts, fetching);
    const lead = probe(file, file, env);
    return {
      lead,
      own: system,
      notes: [`${system.version} ${reason}: ${lead.version}, the LTS, leads.`], // 80 columns at most
    };
  } catch (err) {
    if (!(err instanceof NotFetched) && !(err instanceof UsageError)) throw err;
    const without = `${why}, and Node.js ${lts} cannot be had from npm (${err.message}); going on without it.`;
    return { lead: system, own: null, notes: [without] };
  }
}

module.exports = { choose };
