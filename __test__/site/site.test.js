'use strict';
// tier: run-time

// Where the Buffers of a site('name') come from, and where they go.

const test = require('ava');
const { fresh } = require('../helpers/fresh.js');
const { KiB, inRequest, named, withTable } = require('../helpers/site.js');
const { warned } = require('../helpers/warned.js');

/** In all four ways, each of `size` bytes. */
const makers = {
  alloc: (site, size) => site.alloc(size),
  filled: (site, size) => site.alloc(size, 'ab'),
  allocUnsafe: (site, size) => site.allocUnsafe(size),
  text: (site, size) => site.from('x'.repeat(size)),
  base64: (site, size) => site.from(Buffer.alloc(size, 1).toString('base64'), 'base64'),
  bytes: (site, size) => site.from(new Uint8Array(size)),
  concat: (site, size) => site.concat([Buffer.alloc(size - 1), Buffer.alloc(1)]),
};

test("in a request the arena of a request-bound site, outside Node's", async (t) => {
  const ralloc = withTable(t, [named('rows', 'request')]);
  const rows = ralloc.site('rows');
  for (const [what, make] of Object.entries(makers)) {
    const { exchange, result } = inRequest(ralloc, (arena) => {
      const buffer = make(rows, 5000);
      t.true(arena.owns(buffer), what);
      t.false(arena.owns(make(ralloc.site('others'), 5000)), what);
      t.false(rows.free(buffer), 'nobody frees it');
      return buffer;
    });
    t.is(result.length, 5000, what);
    const outside = make(rows, 5000);
    await exchange.finish();
    t.is(result.length, 0, 'it died with its request');
    t.is(outside.length, 5000, what);
  }
  t.is(ralloc.site.stats().slab, null);
});

for (const kind of ['slab', 'region']) {
  test(`a ${kind}, in a request and outside, until free()`, (t) => {
    const ralloc = withTable(t, [named('rows', kind)]);
    const rows = ralloc.site('rows');
    t.is(ralloc.site.stats()[kind], null, 'made when it is needed');
    const held = () => ralloc.site.stats()[kind].held;
    for (const [what, make] of Object.entries(makers)) {
      const { result } = inRequest(ralloc, (arena) => {
        const buffer = make(rows, 5000);
        t.false(arena.owns(buffer), what);
        return buffer;
      });
      const other = make(rows, 6000);
      t.deepEqual([result.length, other.length, held()], [5000, 6000, 2], what);
      t.true(rows.free(result));
      t.is(held(), 1);
      t.throws(() => rows.free(result), { code: 'ERR_RALLOC_DOUBLE_FREE' });
      t.throws(() => rows.free(other.subarray(1)), { code: 'ERR_RALLOC_FOREIGN_BUFFER' });
      t.true(ralloc.site('others').free(other), 'sites share their memory');
      t.is(held(), 0, what);
    }
    t.is(rows.stats().unfreed, 0);
  });
}

test("Node's Buffers without a table, and of what is best left alone", (t) => {
  for (const ralloc of [fresh('index.js'), withTable(t, [named('rows', 'leave')])]) {
    const rows = ralloc.site('rows');
    for (const [what, make] of Object.entries(makers)) {
      const { result } = inRequest(ralloc, (arena) => {
        const buffer = make(rows, 5000);
        t.false(arena.owns(buffer), what);
        return buffer;
      });
      t.is(result.length, 5000, what);
      t.false(rows.free(result), what);
    }
    t.is(rows.stats().unfreed, Object.keys(makers).length);
    const { slab, region } = ralloc.site.stats();
    t.deepEqual([slab, region], [null, null]);
  }
});

test("sizes go by their class, and what is larger than all that were recorded is Node's", (t) => {
  const sizes = { 1024: 'slab', [64 * KiB]: 'region' };
  const ralloc = withTable(t, [named('rows', 'request', { size: 128 * KiB, sizes })]);
  const rows = ralloc.site('rows');
  inRequest(ralloc, (arena) => {
    const of = (size) => {
      const buffer = rows.allocUnsafe(size);
      if (arena.owns(buffer)) return 'request';
      return rows.free(buffer) ? 'freed' : 'heap';
    };
    const heldOf = (size) => {
      const buffer = rows.allocUnsafe(size);
      const { slab, region } = ralloc.site.stats();
      const where = slab?.held === 1 ? 'slab' : region?.held === 1 ? 'region' : 'none';
      rows.free(buffer);
      return where;
    };
    for (const size of [1, 512, 1025, 2048, 32 * KiB, 64 * KiB + 1, 128 * KiB]) {
      t.is(of(size), 'request', `${size}`);
    }
    for (const size of [513, 1024]) t.is(heldOf(size), 'slab', `${size}`);
    for (const size of [32 * KiB + 1, 64 * KiB]) t.is(heldOf(size), 'region', `${size}`);
    for (const size of [0, 128 * KiB + 1, 1024 * KiB]) t.is(of(size), 'heap', `${size}`);
  });
});

test('slots of more than 1 MiB are of the region', (t) => {
  const ralloc = withTable(t, [named('rows', 'slab', { size: 4096 * KiB })]);
  const rows = ralloc.site('rows');
  const [small, large] = [1024 * KiB, 1024 * KiB + 1].map((size) => rows.allocUnsafe(size));
  const { slab, region } = ralloc.site.stats();
  t.deepEqual([slab.held, region.held], [1, 1]);
  t.true(rows.free(small) && rows.free(large));
});

test("a request-bound site that is not proved is Node's, unless somebody trusts it", (t) => {
  const sites = [named('rows', 'request', { certainty: 'suggested' })];
  for (const [options, isTrusted] of [
    [undefined, false],
    [{ suggested: true }, true],
  ]) {
    const ralloc = withTable(t, sites, options);
    const rows = ralloc.site('rows');
    inRequest(ralloc, (arena) => t.is(arena.owns(rows.alloc(10)), isTrusted));
    const { strategy, certainty, isRouted } = rows.stats();
    t.deepEqual([strategy, certainty, isRouted], ['request', 'suggested', isTrusted]);
  }
});

test("after its response a request has Node's Buffers", async (t) => {
  const ralloc = withTable(t, [named('rows', 'request')]);
  const rows = ralloc.site('rows');
  let late;
  const { exchange, arenas } = inRequest(ralloc, () => {
    late = new Promise((resolve) => {
      setImmediate(() => setImmediate(() => resolve(rows.from('late'))));
    });
  });
  await exchange.finish();
  t.is((await late).toString(), 'late');
  t.is(arenas.stats().lateBuffers, 0);
});

test('what is full is no error: Node gives the Buffer, and it is counted and told once', async (t) => {
  const warnings = warned(t);
  for (const [kind, option] of [
    ['slab', 'maxSlabBytes'],
    ['region', 'maxRegionBytes'],
  ]) {
    warnings.length = 0;
    const ralloc = withTable(t, [named('rows', kind)], { [option]: 4096 * KiB });
    const rows = ralloc.site('rows');
    const buffers = Array.from({ length: 100 }, (_, i) => rows.alloc(60_000, i));
    t.deepEqual(
      buffers.map((buffer) => buffer[59_999]),
      Array.from({ length: 100 }, (_, i) => i),
    );
    const { full } = rows.stats();
    t.true(full >= 30 && full < 60, `${full}`);
    t.is(ralloc.site.stats()[kind].held, 100 - full);
    t.is(buffers.filter((buffer) => rows.free(buffer)).length, 100 - full);
    t.is(rows.stats().unfreed, full);
    t.true(rows.free(rows.alloc(60_000)), 'there is room again');
    await new Promise(setImmediate);
    const told = warnings.map(({ code, message }) => [code, message]);
    t.deepEqual(told, [
      [
        'RALLOC_SITES_FULL',
        `the ${kind} of sites is full, at 4 MiB: their Buffers are Node's own for now. If a site lacks the free() of some Buffers, add it; otherwise raise "${option}" of loadTable()`,
      ],
    ]);
  }
});

test('free() is for Buffers of sites, and says whether there was something to free', (t) => {
  const ralloc = withTable(t, [named('parts', 'slab'), named('entries', 'region')]);
  const [parts, entries] = ['parts', 'entries'].map(ralloc.site);
  const slab = new ralloc.Slab({ sizes: [64], count: 4 });
  const region = new ralloc.Region();
  t.teardown(() => {
    slab.close({ force: true });
    region.close({ force: true });
  });
  const [ofSlab, ofRegion] = [slab.alloc(10), region.alloc(10)];
  const throwsForeign = (buffer, message) =>
    t.throws(() => parts.free(buffer), { code: 'ERR_RALLOC_FOREIGN_BUFFER', message });
  const foreign = () => {
    throwsForeign(ofSlab, 'The Buffer belongs to another slab');
    throwsForeign(ofRegion, 'The Buffer belongs to another region');
  };
  foreign();
  parts.free(parts.alloc(10));
  entries.free(entries.alloc(10));
  foreign();
  t.deepEqual([slab.stats().held, region.stats().held], [1, 1]);
  for (const value of [undefined, null]) t.false(parts.free(value));
  for (const value of ['x', 5, {}, new ArrayBuffer(5)]) {
    t.throws(() => parts.free(value), { code: 'ERR_RALLOC_INVALID_ARGUMENT' });
  }
  t.false(parts.free(new Uint8Array(5)));
});

test('a name has one site, and is a short text', (t) => {
  const { site } = fresh('index.js');
  t.is(site('rows'), site('rows'));
  t.not(site('rows'), site('cells'));
  t.is(site('Zeilen (äöü) 𝒳').name, 'Zeilen (äöü) 𝒳');
  for (const name of [undefined, 5, Symbol('x'), {}]) {
    t.throws(() => site(name), { instanceOf: TypeError, code: 'ERR_RALLOC_INVALID_ARGUMENT' });
  }
  for (const name of ['', 'x'.repeat(101), 'a\nb', 'a\u2028b', '\u0000']) {
    t.throws(() => site(name), { instanceOf: RangeError, code: 'ERR_RALLOC_INVALID_ARGUMENT' });
  }
  t.is(site.stats().sites.length, 3);
});

// hold() of a site('name'): who keeps a Buffer, and who frees it.

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
