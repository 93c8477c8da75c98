'use strict';
// tier: run-time

const test = require('ava');
const { WarmSpans } = require('../../lib/memory/warm-spans.js');

const KiB = 1024;

/** Warm spans of these sizes in KiB, put in this order. */
function warm(sizes, isChunk) {
  const spans = new WarmSpans();
  sizes.forEach((size, age) => {
    spans.put({ size: size * KiB, age, isChunk });
  });
  return spans;
}

const sizeOf = (span) => (span === undefined ? undefined : span.size / KiB);

for (const [title, sizes, need, want, taken] of [
  ['the class of what is wanted', [16, 256, 20, 2048], 1, 16, 20],
  ['a class below, if it has what is needed', [16, 256], 10, 128, 16],
  ['none that is too small, also of the same class', [16, 20, 18], 19, 19, 20],
  ['none where all are too small', [16, 20, 18], 21, 21, undefined],
  ['the next class, where it has what is wanted', [256], 250, 250, 256],
  ['also where another one was used last', [256, 16], 250, 250, 256],
  ['nothing of twice the size', [64, 2048], 1, 16, undefined],
  ['what is below, where a class has too large ones only', [16, 250], 10, 100, 16],
  ['nor within a class', [250], 100, 100, undefined],
  ['what is needed, though less is wanted', [16, 128], 100, 16, 128],
]) {
  test(`of pieces: ${title}`, (t) => {
    t.is(sizeOf(warm(sizes, false).take(need * KiB, want * KiB, false)), taken);
  });
}

for (const [title, sizes, need, want, taken] of [
  ['the last used, if it has what is wanted', [64, 1024, 128], 1, 128, 128],
  ['else the largest usual one', [64, 1024, 128], 1, 129, 1024],
  ['also where it has what is needed', [1024, 128], 100, 1000, 1024],
  ['none that was made for one large Buffer', [64, 4096], 1, 64, 64],
  ['a large one for a large Buffer', [64, 4096], 3000, 3000, 4096],
]) {
  test(`of chunks: ${title}`, (t) => {
    t.is(sizeOf(warm(sizes, true).take(need * KiB, want * KiB, true)), taken);
  });
}

test('the last used of a class is taken first, those of 2 GiB and more too', (t) => {
  for (const size of [64, 2 ** 21, 2 ** 32]) {
    const spans = warm([size, size, size], true);
    const ages = [1, 2, 3].map(() => spans.take(size * KiB, size * KiB, true).age);
    t.deepEqual(ages, [2, 1, 0]);
    t.is(spans.take(1, 1, true), undefined);
    t.is(spans.bytes, 0);
  }
});

test('one from the midst leaves the order of the others', (t) => {
  const spans = warm([16, 24, 17, 18], false);
  t.is(sizeOf(spans.take(20 * KiB, 20 * KiB, false)), 24);
  spans.put({ size: 64 * KiB, isChunk: true });
  t.deepEqual(spans.takeAll().map(sizeOf), [64, 16, 17, 18]);
});

test('what was not needed since the last time is taken, the longest unused first', (t) => {
  const spans = warm([16, 16, 16, 64], false);
  t.deepEqual(spans.takeUnneeded(), [], 'new ones have not had their time');
  spans.put(spans.take(KiB, 16 * KiB, false));
  t.deepEqual(
    spans.takeUnneeded().map(({ age }) => age),
    [0, 1, 3],
  );
  t.deepEqual(
    spans.takeUnneeded().map(({ age }) => age),
    [2],
  );
  t.deepEqual(spans.takeUnneeded(), []);
  t.is(spans.bytes, 0);
});

test('that goes for chunks too', (t) => {
  const spans = warm([64, 128], true);
  t.deepEqual(spans.takeUnneeded(), []);
  t.deepEqual(spans.takeUnneeded().map(sizeOf), [64, 128]);
});

test('the largest go first, as many as are asked for', (t) => {
  const spans = warm([16, 700, 64], false);
  spans.put({ size: 64 * KiB, isChunk: true });
  t.deepEqual(spans.takeLargest(100 * KiB).map(sizeOf), [64, 700]);
  t.deepEqual(spans.takeLargest(1).map(sizeOf), [64]);
  t.deepEqual(spans.takeLargest(2 ** 40).map(sizeOf), [16]);
  t.deepEqual(spans.takeLargest(1), []);
});

test('the last used is missed as any other, and counted', (t) => {
  const spans = warm([64, 64], true);
  spans.takeUnneeded();
  spans.put(spans.take(KiB, 64 * KiB, true));
  t.is(spans.takeUnneeded().length, 1);
  t.is(spans.bytes, 64 * KiB);
  t.is(spans.take(KiB, 64 * KiB, true).age, 1);
  t.is(spans.bytes, 0);
  t.deepEqual(spans.takeLargest(1), []);
});

test('after takeAll() nothing is left, also of what was used last', (t) => {
  const spans = warm([64], true);
  t.is(spans.takeAll().length, 1);
  t.is(spans.take(1, 1, true), undefined);
});
