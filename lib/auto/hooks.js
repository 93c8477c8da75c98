'use strict';

// Changes files as Node loads them. Node 24 and later has hooks that are called in the thread itself, and see all modules. Before that the hooks for ES modules
// run in a thread of their own, and CommonJS is changed where it is compiled.

const Module = require('node:module');
const path = require('node:path');
const process = require('node:process');
const { fileURLToPath, pathToFileURL } = require('node:url');
const fs = require('node:fs');
const { attempt } = require('../base/attempt.js');
const { fileKey } = require('../base/file-key.js');
const { Patches } = require('../base/patches.js');
const { change } = require('./change.js');

/** Otherwise Node gives real names. */
const KEEPS_LINKS = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((text) =>
  text.includes('--preserve-symlinks'),
);

const LOADS = path.join(__dirname, 'loads.js');

/** The files of a plan (edits.js), found by what loads them. */
class PlannedFiles {
  #files;
  #see;

  /** `see(number, state)`: what has become of a file. */
  constructor(files, see) {
    this.#files = files;
    this.#see = see;
  }

  /** What is to be compiled in the place of `source`; undefined where that stays. */
  changed(file, source) {
    const real = KEEPS_LINKS ? fs.realpathSync(file) : file;
    const plan = this.#files.get(fileKey(real));
    if (plan === undefined || source === null || source === undefined) return undefined;
    const { state, text } = change(real, plan, source);
    this.#see(plan.number, state);
    return text;
  }

  changedByUrl(url, source) {
    return url.startsWith('file:') ? this.changed(fileURLToPath(url), source) : undefined;
  }
}

function hookHere(files) {
  Module.registerHooks({
    load(url, context, next) {
      const result = next(url, context);
      const source = attempt(() => files.changedByUrl(url, result.source));
      return source === undefined ? result : { ...result, source };
    },
  });
}

function hookElsewhere(files, plan, header) {
  new Patches().method(Module.prototype, '_compile', (original) => {
    return function _compile(content, file, ...rest) {
      const text = attempt(() => files.changed(file, content), undefined) ?? content;
      return Reflect.apply(original, this, [text, file, ...rest]);
    };
  });
  // A thread is more than --permission allows by itself: ES modules stay as they are then.
  attempt(() => Module.register(pathToFileURL(LOADS), { data: { files: plan, header } }));
}

/** Node 22.15 has them too, and fails with "loadSync is not a function" when a program registers hooks of the other kind after them. */
const HAS_HOOKS =
  Module.registerHooks !== undefined && Number.parseInt(process.versions.node, 10) >= 24;

/** `counts`: of Counts. */
function hook(plan, counts) {
  const files = new PlannedFiles(plan, (file, state) => counts.see(file, state));
  if (HAS_HOOKS) hookHere(files);
  else hookElsewhere(files, plan, counts.shared.header);
}

module.exports = { PlannedFiles, hook };
