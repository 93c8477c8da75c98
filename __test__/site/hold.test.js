'use strict';
// tier: run-time

// hold() of a site('name'): who keeps a Buffer, and who frees it.

const test = require('ava');
const { inRequest, named, withTable } = require('../helpers/site.js');

test('hold() keeps a Buffer until it is released, whatever its memory', async (t) => {
  const ralloc = withTable(t, [
    named('rows', 'request'),
    named('parts', 'slab'),
    named('entries', 'region'),
  ]);
  const [rows, parts, entries] = ['rows', 'parts', 'entries'].map(ralloc.site);
  const { exchange, result } = inRequest(ralloc, () => {
    const row = rows.from('row');
    return { row, hold: rows.hold(row) };
  });
  await exchange.finish();
  t.is(result.row.toString(), 'row');
  result.hold.release();
  result.hold.release();
  t.is(result.row.length, 0);

  for (const [site, kind] of [
    [parts, 'slab'],
    [entries, 'region'],
  ]) {
    const held = () => ralloc.site.stats()[kind].held;
    const hold = site.hold(site.alloc(100));
    t.is(held(), 1);
    hold[Symbol.dispose]();
    hold.release();
    t.is(held(), 0);
  }
  const plain = Buffer.from('plain');
  ralloc.site('none').hold(plain).release();
  t.is(plain.toString(), 'plain');
  t.throws(() => rows.hold('x'), { code: 'ERR_RALLOC_INVALID_ARGUMENT' });
});

for (const kind of ['slab', 'region']) {
  const sent = (t) => {
    const { site } = withTable(t, [named('rows', kind)]);
    const rows = site('rows');
    /** Whether the next Buffers leave its bytes alone. */
    const isKept = (buffer) => {
      const others = [1, 2, 3].map(() => rows.alloc(5000, 5));
      const isSame = buffer.every((byte) => byte === 1);
      for (const other of others) rows.free(other);
      return isSame;
    };
    return { rows, buffer: rows.alloc(5000, 1), isKept, held: () => site.stats()[kind].held };
  };

  test(`two senders hold a Buffer of the ${kind}: it is free when the last one releases it`, (t) => {
    const { rows, buffer, isKept, held } = sent(t);
    const [first, second] = [rows.hold(buffer), rows.hold(buffer)];
    first.release();
    first.release();
    t.true(isKept(buffer));
    second.release();
    t.is(held(), 0);
    second.release();
    t.throws(() => rows.free(buffer), { code: 'ERR_RALLOC_DOUBLE_FREE' });
  });

  test(`a Buffer of the ${kind} is freed while it is sent: the sender has it until the release`, (t) => {
    const { rows, buffer, isKept, held } = sent(t);
    const [first, second] = [rows.hold(buffer), rows.hold(buffer)];
    t.true(rows.free(buffer));
    t.true(isKept(buffer));
    t.throws(() => rows.free(buffer), { code: 'ERR_RALLOC_DOUBLE_FREE' });
    t.throws(() => rows.hold(buffer), { code: 'ERR_RALLOC_DOUBLE_FREE' });
    first.release();
    t.true(isKept(buffer));
    t.is(held(), 1);
    second.release();
    t.is(held(), 0);
  });

  test(`a Buffer of the ${kind} that was freed, and a view of one, cannot be held`, (t) => {
    const { rows, buffer, held } = sent(t);
    t.throws(() => rows.hold(buffer.subarray(1)), { code: 'ERR_RALLOC_FOREIGN_BUFFER' });
    rows.free(buffer);
    t.throws(() => rows.hold(buffer), { code: 'ERR_RALLOC_DOUBLE_FREE' });
    t.is(held(), 0);
    const disposed = rows.alloc(100);
    const hold = rows.hold(disposed);
    disposed[Symbol.dispose]();
    t.throws(() => rows.free(disposed), { code: 'ERR_RALLOC_DOUBLE_FREE' });
    t.notThrows(() => hold.release());
    t.is(held(), 0);
  });
}
