'use strict';

const { spawn, fork } = require('node:child_process');
const { once } = require('node:events');
const { join } = require('node:path');

const fixturePath = (name) => join(__dirname, '..', 'fixtures', name);

/**
 * Runs a program of fixtures/ (`slab/gc.js`) to its end: { code, signal, stdout, stderr, result }, where
 * `result` is the last line of stdout, as JSON. `runtime`: what runs it, by default this Node.
 */
async function run(
  name,
  {
    args = [],
    execArgv = [],
    env = {},
    path = fixturePath(name),
    runtime = process.execPath,
    cwd,
  } = {},
) {
  const child = spawn(runtime, [...execArgv, path, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd,
  });
  const out = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr']) {
    child[stream].setEncoding('utf8').on('data', (text) => {
      out[stream] += text;
    });
  }
  const [code, signal] = await once(child, 'close');
  return { code, signal, ...out, result: lastJson(out.stdout) };
}

function lastJson(stdout) {
  const line = stdout.trimEnd().split('\n').at(-1);
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Starts a program of fixtures/ that is talked to by messages. */
function start(name, options) {
  const child = fork(fixturePath(name), options);
  return {
    child,
    /** Sends a message and waits for the answer. */
    async ask(message) {
      const gone = new AbortController();
      const onExit = (code, signal) =>
        gone.abort(new Error(`the child is gone: ${code ?? signal}`));
      child.once('exit', onExit);
      const answer = once(child, 'message', { signal: gone.signal });
      child.send(message);
      try {
        return (await answer)[0];
      } catch (error) {
        throw error.cause ?? error;
      } finally {
        child.off('exit', onExit);
      }
    },
    async stop() {
      const exit = once(child, 'exit');
      child.disconnect();
      return exit;
    },
  };
}

/** One run for several tests, made by the first of them. */
function shared(make) {
  let made;
  return (t) => {
    made ??= make(t);
    return made;
  };
}

/** Whether there is a process of this id. */
function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

module.exports = { isAlive, run, shared, start, fixturePath };
