'use strict';
// tier: run-time, differs

// Clients that reset TCP below TLS. Requests of all kinds on every adapter, at random: adapters/mix.test.js; uploads: auto/soak.test.js.

const test = require('ava');
const { RAW, serveOn } = require('../helpers/adapters.js');
const { budget } = require('../helpers/budget.js');
const { run } = require('../helpers/child.js');
const { Ledger } = require('../helpers/ledger.js');
const { assertSettled } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');

const resets = {
  'with their first requests': {
    args: [budget(8, 80)],
    answer(res, id, stamped) {
      const buffer = stamped(id % 5 === 0 ? 90_000 : 3000);
      setImmediate(() => res.end(buffer));
    },
  },
  // Beyond the high-water mark of its answers Node reads no more, and so hears of no reset: the peer that has gone is missed after five seconds.
  'while what they are sent keeps the server from reading': {
    args: [budget(4, 40), 4],
    answer(res, id, stamped) {
      if (id % 4 === 1) return setImmediate(() => res.end(stamped(1500)));
      if (id % 4 === 2) return res.writeHead(204).end();
      res.write(stamped(90_000));
      setImmediate(() => res.end(stamped(3000)));
    },
  },
};

for (const [when, { args, answer }] of Object.entries(resets)) {
  test.serial(`https: clients that reset TCP below TLS ${when}`, async (t) => {
    const ledger = new Ledger();
    let begun = 0;
    const used = new Set();
    const { arenas, port } = await serveOn(t, 'https', ({ arena, res }) => {
      const id = ++begun;
      answer(res, id, (size) => ledger.stamp(used.add(id) && id, arena.allocUnsafe(size)));
      return RAW;
    });
    const { code } = await run('request/resets-below-tls.js', { args: [port, ...args] });
    t.is(code, 0);
    await until(() => arenas.stats().inFlight === 0);
    t.true(begun >= 2 * args[0]);
    const { finished, aborted } = arenas.stats();
    t.is(finished + aborted, used.size);
    ledger.assertOwn(t);
    assertSettled(t, arenas);
  });
}
