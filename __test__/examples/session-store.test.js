'use strict';
// tier: tools

const test = require('ava');
const { SessionStore } = require('../../examples/session-store.js');

const MiB = 2 ** 20;

test('a session is what was set last, of whatever size', (t) => {
  const store = new SessionStore();
  const session = { user: 5, since: new Date(0), cart: new Map([[1, 'x']]), big: 10n };
  t.true(store.set('a', session));
  t.deepEqual(store.get('a'), session);
  t.not(store.get('a'), session);
  store.set('a', 'x'.repeat(100_000));
  t.is(store.get('a').length, 100_000);
  t.is(store.get('b'), undefined);
  t.is(store.size, 1);
  t.true(store.delete('a'));
  t.false(store.delete('a'));
  t.like(store.stats(), { held: 0, used: 0 });
  store.close();
});

test('a session ends when it was not asked for so long', (t) => {
  let now = 0;
  const store = new SessionStore({ ttlMs: 100, now: () => now });
  for (const id of ['a', 'b', 'c']) store.set(id, id);
  now = 90;
  t.is(store.get('a'), 'a'); // lives until 190
  now = 110;
  t.is(store.get('b'), undefined);
  t.is(store.sweep(), 1);
  t.is(store.size, 1);
  now = 189;
  t.is(store.get('a'), 'a');
  t.is(store.sweep(), 0);
  now = 289;
  t.is(store.sweep(), 1);
  t.is(store.stats().held, 0);
  store.close();
});

test('where there is no memory, set() says so, and the session stays what it was', (t) => {
  const store = new SessionStore({ maxBytes: MiB });
  store.set('kept', 'text');
  let sessions = 0;
  while (store.set(`session ${sessions}`, 'x'.repeat(10_000))) sessions++;
  t.true(sessions > 70, String(sessions));
  t.false(store.set('kept', 'x'.repeat(50_000)));
  t.is(store.get('kept'), 'text');
  store.delete('session 1');
  t.true(store.set('kept', 'x'.repeat(9_000)));
  store.close();
});
