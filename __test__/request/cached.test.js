'use strict';
// tier: run-time

// Buffers that a library makes at its first use and keeps for the process, when it is given a request's memory for them.

const test = require('ava');
const { requestArena } = require('../../lib/index.js');
const { serve } = require('../helpers/server.js');
const { Client } = require('../helpers/client.js');
const { until } = require('../helpers/until.js');

/**
 * iconv-lite without a past, which makes its tables when a charset is first used. Its Buffers are of the arena that
 * `arenaOf()` gives, as those of who routes Buffer's functions through current().
 */
function iconvOver(t, arenaOf) {
  const { alloc, from } = Buffer;
  const restore = () => Object.assign(Buffer, { alloc, from });
  t.teardown(restore);
  Buffer.alloc = (size, value, encoding) => {
    const buffer = arenaOf()?.alloc(size) ?? alloc(size);
    return value === undefined ? buffer : buffer.fill(value, encoding);
  };
  Buffer.from = (value, ...rest) => {
    const buffer = from(value, ...rest);
    return arenaOf()?.from(buffer) ?? buffer;
  };
  for (const file of Object.keys(require.cache)) {
    if (/[\\/](iconv-lite|safer-buffer)[\\/]/.test(file)) delete require.cache[file];
  }
  const iconv = require('iconv-lite'); // takes Buffer's functions as they are when it is loaded
  restore();
  return iconv;
}

/** What each of three requests gets for the same text in windows-1251. */
async function threeAnswers(t, options) {
  const arenas = requestArena({ context: true, ...options });
  const iconv = iconvOver(t, arenas.current);
  const server = await serve(
    t,
    'node:http',
    (_req, res) => {
      res.end(iconv.encode('привет', 'win1251').toString('hex'));
    },
    { arenas },
  );
  const client = await Client.connect(server.port);
  const answers = [];
  for (let i = 0; i < 3; i++) {
    const { status, body } = await client.get('/');
    answers.push(status === 200 ? body.toString() : status);
    await until(() => arenas.stats().inFlight === 0);
  }
  return answers;
}

const right = 'eff0e8e2e5f2';

test.serial('tables that iconv-lite keeps die with the request that first used them', async (t) => {
  const [first, ...others] = await threeAnswers(t);
  t.is(first, right);
  for (const answer of others) t.not(answer, right);
});

test.serial("with safety 'gc' they live as long as it keeps them", async (t) => {
  t.deepEqual(await threeAnswers(t, { safety: 'gc' }), [right, right, right]);
});
