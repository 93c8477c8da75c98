'use strict';
// tier: tools

// Bodies that are joined of pieces, and pipes: what `ralloc apply --streams` makes of them.

const test = require('ava');
const { folder } = require('../../../helpers/folder.js');
const { PROVED, plan, planned, writeFiles } = require('../../../helpers/planned.js');

const MOUNT = "const { requestArena } = require('ralloc');\nrequestArena({ context: true });\n";
const BODY = `'use strict';
exports.read = async (req) => {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  return body.length;
};
`;
const BODY_SITE = { file: 'app.js', call: 'Buffer.concat(', ...PROVED };

/** What becomes of a body that is joined of pieces. */
function joined(t, text, isStreams) {
  const dir = folder(t);
  plan(dir, { 'app.js': text, 'mount.js': MOUNT }, [BODY_SITE]);
  const { texts, suggestions, faults } = planned(dir, { isStreams });
  t.deepEqual(faults, []);
  writeFiles(dir, texts);
  const again = planned(dir, { isStreams });
  t.deepEqual([again.texts, again.faults, again.applied], [{}, [], 1]);
  return { text: texts['app.js'], suggestions };
}

test('a body that is joined of pieces is read at once with --streams, and told without', (t) => {
  const { text, suggestions } = joined(t, BODY, false);
  t.true(text.includes('  const body = perRequest.concat(chunks);\n'));
  t.is(suggestions.length, 1);
  t.regex(suggestions[0], /^app\.js:5:23 make: it joins pieces of a stream, /);
  const all = joined(t, BODY, true);
  t.deepEqual(all.suggestions, []);
  t.is(
    all.text,
    `'use strict';

const { current } = require('ralloc');
const { buffer } = require('node:stream/consumers');
exports.read = async (req) => {
  const body = await (current()?.collect(req) ?? buffer(req));
  return body.length;
};
`,
  );
});

for (const [what, text] of [
  ['the pieces are used', BODY.replace('return body', 'return chunks')],
  [
    'a piece is looked at',
    BODY.replace('chunks.push(chunk);', '{ seen(chunk); chunks.push(chunk); }'),
  ],
  ['something else is added', BODY.replace('push(chunk)', 'push(chunk, 1)')],
  ['there was something before', BODY.replace('= []', '= [first]')],
  ['a length is given', BODY.replace('concat(chunks)', 'concat(chunks, n)')],
  ['something is done before', BODY.replace('  const body', '  seen();\n  const body')],
]) {
  test(`a body is joined as before where ${what}`, (t) => {
    const { text: changed, suggestions } = joined(t, text, true);
    t.is(
      changed,
      text
        .replace('\n', "\n\nconst { perRequest } = require('ralloc');\n")
        .replace('Buffer', 'perRequest'),
    );
    t.deepEqual(suggestions, []);
  });
}

for (const [head, expected] of [
  [
    "import { pipeline } from 'node:stream/promises';",
    "import { pump as pipeline } from 'ralloc';",
  ],
  ['import { pipeline as p } from "stream/promises";', 'import { pump as p } from "ralloc";'],
  [
    "const { pipeline } = require('node:stream/promises');",
    "const { pump: pipeline } = require('ralloc');",
  ],
  ["const { pipeline: p } = require('stream/promises');", "const { pump: p } = require('ralloc');"],
  ["const { pipeline, finished } = require('stream/promises');", undefined],
  ["const { pipeline } = require('node:stream');", null],
]) {
  test(`pump() instead of pipeline(): ${head}`, (t) => {
    const name = / p\b/.test(head) ? 'p' : 'pipeline';
    const text = `${head}\n${name}(a, b);\ng(Buffer.allocUnsafe(n));\n`;
    const dir = folder(t);
    const site = { file: 'app.js', call: 'Buffer.allocUnsafe(', ...PROVED };
    plan(dir, { 'app.js': text, 'mount.js': MOUNT }, [site]);
    const plain = planned(dir);
    t.is(plain.suggestions.length, expected === null ? 0 : 1);
    if (expected !== null)
      t.regex(
        plain.suggestions[0],
        /^app\.js:2: pump\(\) gives chunks back that (p|pipeline)\(\) /,
      );
    const { texts, suggestions } = planned(dir, { isStreams: true });
    const [first] = texts['app.js'].split('\n').filter((line) => !line.includes('{ perRequest }'));
    t.is(first, expected ?? head);
    t.is(suggestions.length, expected === undefined ? 1 : 0);
  });
}
