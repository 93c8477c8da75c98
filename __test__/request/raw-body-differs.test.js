'use strict';
// tier: run-time

// What rawBody() does in another way than express.raw(), on purpose: docs/guide/frameworks/express.md has the list.

const test = require('ava');
const { inspect } = require('node:util');
const { gzipSync } = require('node:zlib');
const { rawBody } = require('ralloc/express');
const { pair } = require('../helpers/raw-pairs.js');

const TYPE = { 'Content-Type': 'application/octet-stream' };
const TEN = Buffer.from('some bytes');

test('a body of which a part was read is not read on', async (t) => {
  const before = [(req, _res, next) => req.once('readable', () => next(req.read(4) && undefined))];
  const ask = await pair(t, {}, { before });
  const [raw, ours] = await ask('read', { headers: TYPE, body: TEN });
  t.deepEqual([raw.status, ours.status], [400, 500]);
  t.is(raw.outcome.type, 'request.size.invalid');
  t.is(ours.outcome.type, 'stream.not.readable');
});

test('a request that was paused is read, where express.raw() waits', async (t) => {
  const before = [(req, _res, next) => setImmediate(next, void req.pause())];
  const ask = await pair(t, {}, { before, sides: ['rawBody'] });
  const [ours] = await ask('paused', { headers: TYPE, body: TEN });
  t.deepEqual([ours.status, ours.outcome.body], [200, `Buffer ${TEN.toString('hex')}`]);
});

test('a compressed upload that is cut off is an error, where express.raw() waits', async (t) => {
  const ask = await pair(t, {}, { sides: ['rawBody'] });
  const headers = { ...TYPE, 'Content-Encoding': 'gzip', 'Content-Length': 5000 };
  const [ours] = await ask('cut', {
    headers,
    body: gzipSync(Buffer.alloc(5000)).subarray(0, 15),
    cut: true,
  });
  t.like(ours.outcome, { type: 'request.aborted', code: 'ECONNABORTED', expected: null });
});

test('options are checked', (t) => {
  const wrong = [
    { type: '' },
    { type: 'jsno' },
    { type: ['json', 5] },
    { type: null },
    { limit: '10 apples' },
    { limit: -1 },
    { limit: Number.POSITIVE_INFINITY },
    { limit: null },
    { inflate: 'yes' },
    { verify: false },
    { defaultCharset: 'utf-8' },
    { drainMs: -1 },
    { property: '' },
    5,
  ];
  for (const options of wrong) {
    t.throws(() => rawBody(options), { code: 'ERR_RALLOC_INVALID_ARGUMENT' }, inspect(options));
  }
  const known = t.throws(() => rawBody({ type: 'jsno' }));
  t.regex(known.message, /"image\/\*" or "\+json", or one of bin, csv/);
});
