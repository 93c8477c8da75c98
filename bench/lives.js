'use strict';

// Steps in the lives of requests, slabs and sites, each of `count` of them, one after another: for
// bench/instructions.js and operations/buffers.js.
//
// node bench/lives.js LIFE COUNT ROUNDS: for the first, which sees where a step begins and ends by
// the calls of process.umask().

const { AsyncLocalStorage, AsyncResource } = require('node:async_hooks');
const { EventEmitter } = require('node:events');
const fs = require('node:fs');
const { Socket } = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { Slab, current, loadTable, requestArena, site } = require('..');
const { textOf } = require('../lib/site/table-file.js');
const { coreOf } = require('../lib/slab/slab.js');

const SIZE = 5000; // less in all is of Node's pool
const BATCH = 64; // slots of a refill
const WARM_UP = 200; // rounds, for 100 of each: compiled by then

const nothing = () => {};

/** A request and its response, as far as a middleware knows them. */
function exchangeOn(socket) {
  const req = Object.assign(new EventEmitter(), { method: 'GET', url: '/', httpVersionMajor: 1 });
  const res = Object.assign(new EventEmitter(), { writableFinished: false, end: nothing });
  return { req: Object.assign(req, { socket }), res };
}

/** Steps of `count` requests, on sockets that stay. */
function requests(count) {
  const sockets = Array.from({ length: count + 1 }, () => new Socket());
  let arenas = requestArena();
  let all;
  const prepare = () => {
    all = sockets.slice(0, count).map(exchangeOn);
  };
  const begin = () => {
    for (const { req, res } of all) arenas(req, res, nothing);
  };
  const allocate = () => {
    for (const { req } of all) req.arena.allocUnsafe(SIZE);
  };
  const reset = () => {
    for (const { req } of all) req.arena.reset();
  };
  const end = () => {
    for (const { req, res } of all) {
      res.writableFinished = true;
      arenas.end(req);
    }
  };
  /** A middleware whose memory another request has. */
  const anew = () => {
    arenas.close();
    arenas = requestArena();
    all = [exchangeOn(sockets[count])];
    begin();
    allocate();
  };
  return { anew, prepare, begin, allocate, reset, end };
}

/** A table of one site that is request-bound. */
function useTable() {
  const of = { strategy: 'request', certainty: 'proved', reason: 'with-request', size: 2 ** 20 };
  const told = { bytes: 1, samples: 3000, exceptions: 0, mostly: 2 ** 20, shares: [1], sizes: [] };
  const about = { recorded: { recorders: 1, seconds: 1 }, files: [], sites: [] };
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-'));
  const file = path.join(folder, 'table.json');
  fs.writeFileSync(file, textOf({ ...about, named: [{ name: 'rows', ...of, ...told }] }));
  loadTable(file);
  fs.rmSync(folder, { recursive: true });
}

const WAYS = {
  'arena.allocUnsafe': 'arena.allocUnsafe(size)',
  '(storage.getStore() ?? Buffer).allocUnsafe': '(storage.getStore() ?? Buffer).allocUnsafe(size)',
  '(current() ?? Buffer).allocUnsafe': '(current() ?? Buffer).allocUnsafe(size)',
  'site.allocUnsafe': 'rows.allocUnsafe(size)',
  'site without a table': 'others.allocUnsafe(size)',
};

/**
 * Way → run(n): n Buffers in a request, whose arena is reset every 64. A function of its own for
 * each way, compiled for the one that it is given.
 */
function inRequest(size) {
  useTable();
  const { req, res } = exchangeOn(new Socket());
  let run;
  requestArena({ context: true })(req, res, () => {
    const storage = new AsyncLocalStorage(); // what a program may have of its own
    const values = {
      ...{ arena: req.arena, storage, current, size },
      ...{ rows: site('rows'), others: site('others') },
    };
    const bound = (allocate) => {
      const code = `
        'use strict';
        let last;
        for (let i = 0; i < n; i++) {
          last = ${allocate};
          if ((i & 63) === 63) arena.reset();
        }
        return last;`;
      const loop = new Function(...Object.keys(values), 'n', code);
      return AsyncResource.bind((n) => loop(...Object.values(values), n));
    };
    run = Object.fromEntries(
      Object.entries(WAYS).map(([way, allocate]) => [
        way,
        storage.run(req.arena, () => bound(allocate)),
      ]),
    );
  });
  return run;
}

/**
 * Life → (count) => its steps in their order, [name, step]; those without a name are in no figure.
 */
const LIVES = {
  'a request': (count) => {
    const { prepare, begin, allocate, reset, end } = requests(count);
    return [
      [null, prepare],
      ['its beginning', begin],
      ['its first allocation', allocate],
      ['its second allocation', allocate],
      ['a reset', reset],
      [null, allocate],
      ['its end', end],
    ];
  },
  'a request that allocates nothing': (count) => {
    const { prepare, begin, allocate, end } = requests(count);
    for (const step of [prepare, begin, allocate, end]) step(); // others have
    return [
      [null, prepare],
      ['its beginning', begin],
      ['its end', end],
    ];
  },
  'a request whose middleware has nothing warm': (count) => {
    const { anew, prepare, begin, allocate, end } = requests(count);
    return [
      [null, anew],
      [null, prepare],
      [null, begin],
      ['its first allocation', allocate],
      [null, end],
    ];
  },
  'a slab': (count) => {
    const slab = new Slab({ sizes: [64], count: count * BATCH });
    const held = [];
    const take = () => {
      for (let i = 0; i < count * BATCH; i++) held[i] = slab.allocUnsafe(64);
    };
    const free = () => {
      while (held.length > 0) slab.free(held.pop());
    };
    /** The cache is released, as it is after two ticks without use. */
    const flush = () => {
      coreOf(slab).tick();
      coreOf(slab).tick();
    };
    return [
      [null, flush],
      [`a refill, and ${BATCH} allocations`, take],
      [null, free],
      [`${BATCH} allocations`, take],
      [`${BATCH} frees`, free],
    ];
  },
  'a Buffer of 1 KiB in a request': (count) =>
    Object.entries(inRequest(1024)).map(([way, run]) => [way, () => run(count)]),
};

module.exports = { LIVES, inRequest };

if (require.main === module) {
  const [life, count, rounds] = process.argv.slice(2);
  const steps = [['', nothing], ...LIVES[life](Number(count))]; // the first tells what the calls themselves take
  const mark = () => process.umask();
  for (let round = 0; round < WARM_UP; round++) for (const [, step] of steps) step();
  for (let round = 0; round < Number(rounds); round++) {
    for (const [name, step] of steps) {
      if (name !== null) mark();
      step();
      if (name !== null) mark();
    }
  }
  process.exit(0);
}
