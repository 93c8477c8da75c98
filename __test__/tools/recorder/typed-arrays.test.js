'use strict';
// tier: tools

// Typed arrays and ArrayBuffers are seen where that is asked for, and look as they did.

const test = require('ava');
const { spawnSync } = require('node:child_process');
const { inspect } = require('node:util');
const { events } = require('../../../tools/recorder/events.js');
const { Tally, record } = require('../../helpers/tally.js');

class Heir extends Float32Array {}

const makers = {
  ArrayBuffer: () => new ArrayBuffer(1000),
  Uint8Array: () => new Uint8Array(1000),
  Float64Array: () => Float64Array.from({ length: 125 }),
  BigInt64Array: () => new BigInt64Array(125),
  Uint16Array: () => new Uint16Array(new Uint16Array(0).buffer.byteLength + 500),
};

for (const [source, make] of Object.entries(makers)) {
  test.serial(`${source}: its bytes, by its line`, (t) => {
    const recorder = record(t, { typedArrays: true });
    make();
    const tally = new Tally(recorder.take());
    const sites = tally.at(__filename);
    t.deepEqual(
      sites.map(({ id, source }) => [source, tally.of(id, events.BORN).bytes]),
      [[source, 1000]],
    );
  });
}

test.serial('views, and what V8 has on its heap, are none', (t) => {
  const ab = new ArrayBuffer(1000);
  const recorder = record(t, { typedArrays: true });
  new Uint8Array(ab, 1, 2);
  new Float32Array(ab);
  new DataView(ab);
  new Uint8Array(64);
  new Uint8Array(100).subarray(1);
  const tally = new Tally(recorder.take());
  t.is(tally.at(__filename).length, 1);
});

test.serial('without the option nothing is seen, and nothing replaced', (t) => {
  const { Uint8Array: original } = globalThis;
  const recorder = record(t, { typedArrays: false });
  t.is(Uint8Array, original);
  new Uint8Array(1000);
  t.deepEqual(new Tally(recorder.take()).at(__filename), []);
});

test.serial('a Buffer is counted once', (t) => {
  const recorder = record(t, { typedArrays: true });
  Buffer.alloc(100_000);
  const tally = new Tally(recorder.take());
  const sites = tally.at(__filename);
  t.deepEqual(
    sites.map(({ id, source }) => [source, tally.of(id, events.BORN).bytes]),
    [['Buffer.alloc', 100_000]],
  );
});

test.serial('classes look as they did, and are themselves afterwards', (t) => {
  const look = () => {
    const array = new Uint8Array(3);
    return [
      inspect(array),
      array.constructor === Uint8Array,
      array instanceof Uint8Array,
      array.slice(1) instanceof Uint8Array,
      array.slice(1).constructor === Uint8Array,
      Uint8Array.name,
      Uint8Array.length,
      Uint8Array.BYTES_PER_ELEMENT,
      Uint8Array.of(1, 2).join(),
      Buffer.alloc(1) instanceof Uint8Array,
      new Heir(2) instanceof Heir,
      new Heir(2).map((x) => x + 1) instanceof Heir,
      ArrayBuffer.isView(array),
      new ArrayBuffer(8).slice(4).byteLength,
      structuredClone(array).constructor === Uint8Array,
      Object.prototype.toString.call(array),
      Object.keys(globalThis).includes('Uint8Array'),
    ];
  };
  const { Uint8Array: original } = globalThis;
  const plain = look();
  const recorder = record(t, { typedArrays: true });
  t.not(Uint8Array, original);
  t.deepEqual(look(), plain);
  t.throws(() => Reflect.apply(Uint8Array, undefined, [1]), { instanceOf: TypeError });
  t.throws(() => new Uint8Array(-1), { instanceOf: RangeError });
  recorder.stop();
  t.is(Uint8Array, original);
  t.deepEqual(look(), plain);
});

const FROZEN = `
  const { Recorder } = require(${JSON.stringify(require.resolve('../../../tools/recorder/recorder.js'))});
  const recorder = new Recorder({ rate: 1, typedArrays: true });
  recorder.start();
  Buffer.alloc(1000);
  new Uint8Array(1000);
  const { sites } = recorder.take();
  recorder.stop();
  console.log(sites.map(({ source, frames }) => source + ' ' + (frames[0].line > 0)).join());
`;

test('frozen intrinsics are left, and the rest is seen', (t) => {
  const args = ['--frozen-intrinsics', '--no-warnings', '-e', FROZEN];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  t.is(stderr, '');
  t.true(stdout.includes('Buffer.alloc true'), stdout);
});
