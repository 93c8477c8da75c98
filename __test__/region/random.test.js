'use strict';
// tier: run-time

// Random programs with stamps: every byte of a block is its own, whatever was freed, given back or refused meanwhile.

const test = require('ava');
const { Region } = require('../..');
const { findings } = require('../helpers/audited.js');
const { budget } = require('../helpers/budget.js');
const { random } = require('../helpers/random.js');
const { soundRegion } = require('../helpers/region.js');
const { isOf, stampOf } = require('../helpers/stamps.js');

const STEPS = budget(6000, 1_700_000);
const MiB = 2 ** 20;

/** A reference of what a region has handed out. */
class Program {
  live = []; // { buffer, id }
  bytes = 0;
  refusals = 0;

  constructor(seed, options, sizeOf) {
    this.draw = random(seed);
    this.region = new Region(options);
    this.sizeOf = sizeOf;
  }

  alloc(id) {
    const size = this.sizeOf(this.draw);
    const isZeroed = this.draw(8) === 0;
    const buffer = isZeroed ? this.region.tryAlloc(size) : this.region.tryAllocUnsafe(size);
    if (buffer === null) {
      this.refusals++;
      return this.free() && this.free();
    }
    if (buffer.length !== size) return `a Buffer of ${buffer.length} bytes, not ${size}`;
    if (isZeroed && (buffer[0] !== 0 || buffer.at(-1) !== 0)) return 'a byte is not zero';
    stampOf(id, buffer);
    this.live.push({ buffer, id });
    this.bytes += size;
    return undefined;
  }

  free() {
    if (this.live.length === 0) return undefined;
    const at = this.draw(this.live.length);
    const one = this.live[at];
    this.live[at] = this.live.at(-1);
    this.live.pop();
    this.bytes -= one.buffer.length;
    if (!isOf(one.id, one.buffer)) return `a foreign byte in ${one.buffer.length} of ${one.id}`;
    this.region.free(one.buffer);
    return undefined;
  }

  /** What went wrong, in words; undefined if nothing did. */
  step(id) {
    const { region, live } = this;
    if (this.draw(5000) === 0) region.collect();
    const grows = id % 10_000 < 5000 ? 60 : 45;
    const wrong = this.draw(100) < grows ? this.alloc(id) : this.free();
    if (wrong !== undefined || id % 100 !== 0) return wrong;
    const [broken] = findings(); // of its records
    if (broken !== undefined) return JSON.stringify(broken);
    const { held, used } = region.stats();
    if (held !== live.length) return `${held} Buffers are held, not ${live.length}`;
    return used >= this.bytes ? undefined : `${used} bytes are used, of ${this.bytes} at least`;
  }
}

const programs = {
  'small ones': [{}, (draw) => 1 + draw(300)],
  'entries of a cache': [{ maxBytes: 24 * MiB }, (draw) => 16_384 + draw(98_304)],
  'of every magnitude': [{ maxBytes: 32 * MiB }, (draw) => 1 + (draw(2 ** 18) >>> draw(18))],
  'in small chunks': [{ maxBytes: MiB, chunkSize: 65_536 }, (draw) => 1 + draw(20_000)],
  'with a chunk of their own': [
    { maxBytes: 8 * MiB, chunkSize: 16_384 },
    (draw) => 1 + draw(40_000),
  ],
  'with the guard and autoFree': [
    { maxBytes: 24 * MiB, guard: true, autoFree: true },
    (draw) => 1 + draw(30_000),
  ],
};

for (const [kind, [options, sizeOf]] of Object.entries(programs)) {
  test(`no byte of a block is another's in a random program: ${kind}`, (t) => {
    const seed = 1 + Object.keys(programs).indexOf(kind);
    const program = new Program(seed, options, sizeOf);
    const { region } = program;
    for (let id = 1; id <= STEPS; id++) {
      const wrong = program.step(id);
      if (wrong !== undefined) return t.fail(`seed ${seed}, step ${id}: ${wrong}`);
    }
    soundRegion(t, region);
    while (program.live.length > 0) t.is(program.free(), undefined);
    t.like(region.stats(), { held: 0, used: 0, inFlight: 0, refused: 0 });
    region.collect();
    t.like(region.stats(), { reserved: 0, metadata: 0, spans: 0, fragmentation: 0 });
    region.close();
  });
}
