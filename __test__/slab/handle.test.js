'use strict';
// tier: run-time

// Handles and tokens, as far as one thread shows them.

const test = require('ava');
const { Slab } = require('../..');
const { stamp, isStamped } = require('../helpers/bytes.js');
const { isNative } = require('../helpers/backend.js');
const { addsUp } = require('../helpers/slab.js');
const { kinds } = require('../helpers/slab-kinds.js');

test('handle() is the same every time, and tells why where there is none', (t) => {
  const slab = new Slab({ sizes: [64], count: 8 });
  const unsupported = { code: 'ERR_RALLOC_UNSUPPORTED' };
  if (isNative) {
    const handle = slab.handle();
    t.deepEqual(Object.keys(handle), ['id', 'nonce']);
    t.deepEqual(slab.handle(), handle);
    t.deepEqual(structuredClone(handle), handle);
    const second = Slab.attach(handle, { name: 'second', safety: 'recycle' });
    t.deepEqual(second.handle(), handle);
    t.like(second.stats(), { name: 'second', safety: 'recycle', participants: 2 });
    t.deepEqual(second.sizes, [64]);
    const { id, nonce } = handle;
    const forged = `${nonce[0] === '0' ? '1' : '0'}${nonce.slice(1)}`;
    for (const wrong of [
      { id, nonce: forged },
      { id: id + 1000, nonce },
    ]) {
      t.throws(() => Slab.attach(wrong), { code: 'ERR_RALLOC_CLOSED' });
    }
    t.is(slab.stats().participants, 2, 'a wrong handle changes nothing');
    second.close();
  } else {
    t.regex(t.throws(() => slab.handle(), unsupported).message, /JavaScript backend/);
    t.throws(() => Slab.attach({ id: 1, nonce: '0'.repeat(16) }), unsupported);
  }
  slab.close();
  const growing = new Slab({ sizes: [64], count: 8, maxCount: 16 });
  t.regex(t.throws(() => growing.handle(), unsupported).message, /can grow/);
  growing.close();
  const huge = new Slab({ sizes: [8], count: 2 ** 22 + 1 });
  t.regex(t.throws(() => huge.handle(), unsupported).message, /at most 4194304 can be shared/);
  huge.close();
});

test('a slab of one thread sends and receives too', (t) => {
  const slab = new Slab({ sizes: [64], count: 8, maxCount: 100 });
  const tokens = Array.from({ length: 8 }, (_, id) => slab.send(stamp(slab.alloc(20), id)));
  t.is(new Set(tokens).size, 8);
  tokens.forEach((token, id) => {
    const buffer = id % 2 === 0 ? slab.receive(token) : slab.revoke(token);
    t.true(isStamped(buffer, id));
    t.throws(() => slab.receive(token), { code: 'ERR_RALLOC_STALE_TOKEN' });
    slab.free(buffer);
  });
  addsUp(t, slab);
  slab.close();
});

for (const { kind, make } of kinds) {
  test(`${kind}: a token fits no other slab, also where both have sent the same slot`, (t) => {
    const slabs = Array.from({ length: 20 }, () => make({ sizes: [64], count: 8 }));
    const tokens = slabs.map((slab, id) => slab.send(stamp(slab.alloc(20), id)));
    t.is(new Set(tokens).size, 20);
    slabs.forEach((slab, id) => {
      for (const token of tokens.filter((_, other) => other !== id)) {
        t.throws(() => slab.receive(token), { code: 'ERR_RALLOC_STALE_TOKEN' });
        t.throws(() => slab.revoke(token), { code: 'ERR_RALLOC_STALE_TOKEN' });
      }
      t.true(isStamped(slab.receive(tokens[id]), id));
      slab.close({ force: true });
    });
  });

  test(`${kind}: received Buffers count in the peak`, (t) => {
    const slab = make({ sizes: [64], count: 16 });
    const take = () => Array.from({ length: 8 }, () => slab.alloc(20));
    const tokens = take().map((buffer) => slab.send(buffer));
    const buffers = take();
    t.is(slab.stats().pools[0].peak, 8);
    for (const token of tokens) buffers.push(slab.receive(token));
    t.is(slab.stats().pools[0].peak, 16);
    for (const buffer of buffers) slab.free(buffer);
    addsUp(t, slab);
    slab.close();
  });
}
