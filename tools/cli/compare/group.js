'use strict';

// A command in a process group of its own, that is ended as a whole: a shell, npm or a build tool
// in between may not pass signals on.

const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');
const { attempt } = require('../../../lib/base/attempt.js');
const { isAlive } = require('../application.js');
const { cannotStart, onWindows } = require('../program.js');

const IS_WINDOWS = process.platform === 'win32';
const TAIL = 3000; // letters of what it printed last
const LINES = 16;
const PATIENCE_MS = 5000; // from SIGTERM to SIGKILL
const POLL_MS = 20;

const running = new Set();
process.on('exit', () => {
  for (const group of running) group.kill('SIGKILL');
});

class Group {
  #child;
  #printed = '';
  /** Resolves with `{ code, signal }` at the end of the first process. */
  ended;

  /**
   * `isShell`: `command` is a line for the shell, whose standard output may say why it failed.
   * Throws or rejects with cannotStart().
   */
  constructor(command, { env, isShell = false }) {
    const [program, ...args] = isShell ? [command] : command;
    const what = IS_WINDOWS && !isShell ? onWindows(program, args, env) : { program, args };
    const options = { ...what.options, env, shell: isShell, detached: !IS_WINDOWS };
    const failed = ({ code }) => {
      throw cannotStart(program, code, 'compare');
    };
    try {
      this.#child = spawn(what.program, what.args, {
        ...options,
        stdio: ['ignore', isShell ? 'pipe' : 'ignore', 'pipe'],
      });
    } catch (error) {
      failed(error);
    }
    running.add(this);
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (text) => this.#print(text));
    this.ended = once(this.#child, 'exit').then(([code, signal]) => ({ code, signal }), failed);
    this.ended.catch(() => {});
  }

  get pid() {
    return this.#child.pid;
  }

  /** The last lines that it printed. */
  get tail() {
    return this.#printed.trim().split('\n').slice(-LINES).join('\n');
  }

  #print(text) {
    this.#printed = (this.#printed + text).slice(-TAIL);
  }

  kill(signal) {
    if (this.pid === undefined) return;
    if (IS_WINDOWS) spawnSync('taskkill', ['/PID', `${this.pid}`, '/T', '/F'], { stdio: 'ignore' });
    else attempt(() => process.kill(-this.pid, signal));
  }

  #isAlive() {
    if (this.pid === undefined || IS_WINDOWS) return false;
    if (!attempt(() => process.kill(-this.pid, 0), false)) return false;
    return process.platform !== 'linux' || isAlive(this.pid); // of zombies alone there it is over
  }

  /** Ends all of its processes; resolves when none is left. */
  async stop() {
    this.kill('SIGTERM');
    const deadline = performance.now() + PATIENCE_MS;
    while (this.#isAlive() && performance.now() < deadline) await sleep(POLL_MS);
    // Also if all seemed to have ended: one may just have been forked.
    do {
      this.kill('SIGKILL');
      await sleep(POLL_MS);
    } while (this.#isAlive());
    running.delete(this);
  }
}

module.exports = { Group };
