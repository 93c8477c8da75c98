'use strict';
// tier: run-time, differs

// A stack overflow, which programs catch, can end the middleware at any of its calls.

const test = require('ava');
const { Socket } = require('node:net');
const { requestArena } = require('../..');
const { Exchange } = require('../helpers/exchange.js');
const { run } = require('../helpers/child.js');

// Which calls the end cuts off differs with the size of the stack, and from one Node to the next.
for (const size of [120, 160, 180, 200]) {
  test(`a request that begins or ends where a stack of ${size} KiB ends leaves nothing in flight or leased`, async (t) => {
    const execArgv = [`--stack-size=${size}`];
    const { result, stderr } = await run('request/cut-off.js', { execArgv });
    t.deepEqual(result?.problems, [], stderr);
    t.true(result.cuts > 0);
  });
}

test('close() resolves where a response took no listener', async (t) => {
  const arenas = requestArena();
  const exchange = new Exchange();
  exchange.res.on = () => {
    throw new RangeError('Maximum call stack size exceeded');
  };
  t.throws(() => exchange.begin(arenas), { message: /call stack/ });
  await arenas.close();
  t.is(arenas.stats().inFlight, 0);
});

test('a request whose response takes no listener is over with the next one', (t) => {
  const arenas = requestArena();
  const socket = new Socket();
  const begin = (res) => {
    const { req } = Object.assign(new Exchange(socket), { res });
    arenas(req, res, () => req.arena.allocUnsafe(10));
    return req;
  };
  const { res } = new Exchange();
  res.on = () => {
    throw new RangeError('Maximum call stack size exceeded');
  };
  t.throws(() => begin(res), { message: /call stack/ });
  t.true(arenas.end(begin(new Exchange().res)));
  const { inFlight, aborted, memory } = arenas.stats();
  t.deepEqual({ inFlight, aborted, leased: memory.leased }, { inFlight: 0, aborted: 1, leased: 0 });
});
