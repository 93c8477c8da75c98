'use strict';

// A trial of this thread: sites in the place of Buffer where files are loaded, and what came of it,
// which the main thread tells for all of them.

const process = require('node:process');
const { kTrial } = require('../../../lib/base/protocol.js');
const { attempt } = require('../../../lib/base/attempt.js');
const { isMainThread } = require('../../../lib/base/runtime.js');
const { Arenas } = require('./arenas.js');
const { Counts } = require('./counts.js');
const { hook } = require('./hooks.js');
const { TrialSite } = require('./trial-site.js');
const { CONFLICT } = require('./states.js');
const { runnerOf } = require('./summary.js');
const { Watch } = require('./watch.js');

class Trial {
  #sites;
  #files;
  #counts;
  #arenas;
  #watch = new Watch();
  #isOver = false;
  /** Called once, at the end of the main thread. */
  onEnd;

  /** `plan`: from editsOf(); `shared`: in workers, that of the main thread's trial. */
  constructor({ sites, files }, shared) {
    this.#sites = sites;
    this.#files = files;
    this.#counts = new Counts(sites.length, files.size, shared);
    this.#arenas = new Arenas(
      () => this.#counts.mount(),
      () => this.#counts.reset(),
    );
  }

  /** What to pass to workers. */
  get shared() {
    return this.#counts.shared;
  }

  start() {
    for (const [file, { number, edits }] of this.#files) {
      if (this.#define(edits)) continue;
      this.#counts.see(number, CONFLICT);
      this.#files.delete(file);
    }
    const isWanted = this.#files.size > 0;
    Object.defineProperty(globalThis, kTrial, {
      value: {
        mount: (current) => isWanted && this.#arenas.mount(current),
        died: (view) => attempt(() => this.#watch.died(view)),
      },
    });
    if (isWanted) hook(this.#files, this.#counts);
    process.on('exit', () => this.end());
  }

  /** Defines the globals of a file; returns false if one exists already. */
  #define(edits) {
    if (edits.some(({ name }) => name in globalThis)) return false;
    for (const { site, name } of edits) {
      const value = new TrialSite(this.#counts.of(site), this.#arenas, this.#watch);
      Object.defineProperty(globalThis, name, { value });
    }
    return true;
  }

  /** Called at the end of the thread; does nothing the second time. */
  end() {
    if (this.#isOver) return;
    this.#isOver = true;
    attempt(() => this.#watch.end());
    if (isMainThread) this.onEnd?.();
  }

  /** For summary.js: `{ sites, mounts, resets, runner }`. */
  get note() {
    const counts = this.#counts;
    const sites = this.#sites.map(({ key, name, why, file }, number) => ({
      key,
      name,
      why,
      state: file === undefined ? 0 : counts.stateOf(file),
      ...counts.sumOf(number),
    }));
    const { mounts, resets } = counts;
    return { sites, mounts, resets, runner: runnerOf(process.env) };
  }
}

module.exports = { Trial };
