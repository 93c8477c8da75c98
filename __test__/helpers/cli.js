'use strict';

// The command line in the test's own process: most of what a command costs is to start Node. Verbs that start an application are run by profile.js.

const { AsyncLocalStorage } = require('node:async_hooks');
const { main } = require('../../tools/cli/index.js');

const calls = new AsyncLocalStorage(); // of what is written to each stream meanwhile

for (const name of ['stdout', 'stderr']) {
  const stream = process[name];
  const { write } = stream;
  stream.write = function (text, ...others) {
    const texts = calls.getStore();
    if (texts === undefined) return Reflect.apply(write, stream, [text, ...others]);
    texts[name] += text;
    return true;
  };
}

/** What `act()` resolves with, and what it wrote: { result, stdout, stderr }. */
async function writtenBy(act) {
  const texts = { stdout: '', stderr: '' };
  const result = await calls.run(texts, act);
  return { result, ...texts };
}

/** `ralloc …` in this folder, with `verbs` in place of its own if given: { code, stdout, stderr }. */
async function called(args, verbs) {
  const { result: code, ...texts } = await writtenBy(() => main(args, verbs));
  return { code, ...texts };
}

const HERE = process.cwd();
let last = Promise.resolve(); // a process has one folder at a time

/** The same in the folder `cwd`, one call after another. */
function calledIn(cwd, args, verbs) {
  const call = last.then(() => {
    process.chdir(cwd);
    return called(args, verbs).finally(() => process.chdir(HERE));
  });
  last = call.catch(() => {});
  return call;
}

module.exports = { called, calledIn, writtenBy };
