'use strict';

// Changes files as Node loads them. Node 24 and later has hooks that are called in the thread
// itself, and see all modules. Before that the hooks for ES modules run in a thread of their own,
// and CommonJS is changed where it is compiled.

const Module = require('node:module');
const path = require('node:path');
const process = require('node:process');
const { fileURLToPath, pathToFileURL } = require('node:url');
const fs = require('node:fs');
const { attempt } = require('../../../lib/base/attempt.js');
const { fileKey } = require('../../../lib/base/file-names.js');
const { Patches } = require('../../../lib/base/patches.js');
const { change } = require('./change.js');

/** Whether Node keeps the names of symbolic links; otherwise it resolves them. */
const KEEPS_LINKS = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((text) =>
  text.includes('--preserve-symlinks'),
);

const LOADS = path.join(__dirname, 'loads.js');

/** The files of a plan (edits.js), looked up when they are loaded. */
class PlannedFiles {
  #files;
  #see;

  /** `see(number, state)` is called with the state of a file. */
  constructor(files, see) {
    this.#files = files;
    this.#see = see;
  }

  /** The text to compile instead of `source`; undefined if it stays unchanged. */
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
  // --permission does not allow threads by default: then ES modules stay unchanged.
  attempt(() => Module.register(pathToFileURL(LOADS), { data: { files: plan, header } }));
}

/**
 * Node 22.15 has these hooks too, but fails with "loadSync is not a function" if a program
 * registers asynchronous hooks after them.
 */
const HAS_HOOKS =
  Module.registerHooks !== undefined && Number.parseInt(process.versions.node, 10) >= 24;

/** `counts`: a Counts. */
function hook(plan, counts) {
  const files = new PlannedFiles(plan, (file, state) => counts.see(file, state));
  if (HAS_HOOKS) hookHere(files);
  else hookElsewhere(files, plan, counts.shared.header);
}

module.exports = { PlannedFiles, hook };
