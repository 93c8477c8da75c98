'use strict';

// The command line in the test's own process: most of what a command costs is to start Node.

const { AsyncLocalStorage } = require('node:async_hooks');
const { main } = require('../../lib/cli/index.js');

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

/** `ralloc …` in this folder, with `verbs` in place of its own if given: { code, stdout, stderr }. */
async function called(args, verbs) {
  const texts = { stdout: '', stderr: '' };
  const code = await calls.run(texts, () => main(args, verbs));
  return { code, ...texts };
}

module.exports = { called };
