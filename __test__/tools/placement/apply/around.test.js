'use strict';
// tier: tools

// What `ralloc apply` says beside its changes: what these need, and where entries are let go.

const test = require('ava');
const { folder } = require('../../../helpers/folder.js');
const { applied, plan, planned } = require('../../../helpers/planned.js');

test('a change needs a context, which is told once', (t) => {
  const text = 'exports.f = (n) => Buffer.allocUnsafe(n);\n';
  const { suggestions } = applied(t, text);
  t.deepEqual(suggestions, [
    'perRequest takes the arena of current(), which needs requestArena({ context: true }). Without it these Buffers are what they were',
  ]);
  t.deepEqual(applied(t, text, { site: { samples: 100 } }).suggestions.length, 1);
});

/** What is said of an entry that lives longer than its request. */
function suggested(t, text, site = {}) {
  const dir = folder(t);
  plan(dir, { 'cache.js': text }, [
    { file: 'cache.js', call: 'Buffer.from(', samples: 100, ...site },
  ]);
  const { suggestions, texts } = planned(dir);
  t.deepEqual(texts, {});
  t.is(suggestions.length, 1);
  return suggestions[0];
}

test('what is let go somewhere belongs in a slab', (t) => {
  t.true(
    suggested(t, 'c.set(k, Buffer.from(x));\nc.delete(k);\n').endsWith(
      ': belongs in a slab, which somebody frees. The free belongs where it is let go: delete(), clear(), shift() of what holds it, or a new value in its place',
    ),
  );
});

test('what lives long belongs in a region', (t) => {
  t.regex(
    suggested(t, 'c.set(k, Buffer.from(x));\n', { ms: 20_000 }),
    /: belongs in a region, which /,
  );
});
