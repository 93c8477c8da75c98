'use strict';

// A recorder samples what a thread allocates, and learns what becomes of the samples. Every slot of
// two seconds, it puts what is new into a block.

const process = require('node:process');
const { collectNow } = require('../../lib/memory/gc.js');
const { kProfiler, kShown } = require('../../lib/base/protocol.js');
const { isMainThread, threadId } = require('../../lib/base/runtime.js');
const time = require('../../lib/base/time.js');
const { attempt } = require('../../lib/base/attempt.js');
const { BUDGETS, Budget, LEAST, usedMs } = require('./budget.js');
const { SLOT_MS } = require('./buckets.js');
const { Collections } = require('./collections.js');
const { events } = require('./events.js');
const { look } = require('./late.js');
const { patchAll, restoreAll } = require('./patches/all.js');
const { Patches, originalOf } = require('../../lib/base/patches.js');
const { Parts } = require('./parts.js');
const { Pins } = require('./pins.js');
const { Requests } = require('./requests.js');
const { Cells, Samples } = require('./samples.js');
const { Random, Sampling, newSeed, sampleTo, weightOf } = require('./sampling.js');
const { Sites } = require('./sites.js');
const { hold } = require('../../lib/debug/stack/stack.js');

const TICK_MS = 200;

const MOST_UNSWEPT = 8 * 1024 * 1024; // bytes of ArrayBuffers

/** The largest heap for a full collection at the end of a process: 0.2 to 1.6 ms a MiB. */
const MOST_HEAP_AT_END = 1024 * 1024 * 1024;

const OF_COLLECTIONS = 0.5; // the part of the budget that requested collections may take

/**
 * The object that other copies of ralloc find (kProfiler). Only one recorder may run in a thread.
 */
const ignore = () => {};
const profiler = { isRunning: false, originalOf, show: ignore };

const isRunning = () => globalThis[kProfiler]?.isRunning === true;

function announce(value) {
  if (globalThis[kProfiler] !== profiler)
    Object.defineProperty(globalThis, kProfiler, { value: profiler, configurable: true });
  profiler.isRunning = value;
}

/** The original: an application's tests may replace it later. */
const { memoryUsage } = process;

/**
 * A few samples of small slices can stand for gigabytes of slabs. So their sum is limited to the
 * process's ArrayBuffers, and each site gets its share of that.
 */
function shareOf(pins) {
  let sum = 0;
  for (const pinned of pins.values()) sum += pinned;
  return sum === 0 ? 1 : Math.min(1, memoryUsage().arrayBuffers / sum);
}

class Recorder {
  #random;
  #sampling;
  #options;
  #parts = new Parts((site, below) => this.#sites.ofPart(hold(below), site));
  #pins;
  #budget;
  #cells = new Cells();
  #collections;
  #samples;
  #sites = new Sites();
  #patches = new Patches();
  #requests = new Requests();
  #timer = null;
  #about;
  #toldSlot = -1;
  #told = time.wall(); // the end of the last block
  #toldMajors = 0;
  #blocks = 0; // number of blocks

  /**
   * `budget`: the share of a core, 0 to 1. `rate`: a fixed mean distance between samples, in bytes.
   * `seed`: for tests. `typedArrays`: record ArrayBuffers and typed arrays too. `onSample()` is
   * called after a sample, `onPost()` before a message to another thread.
   */
  constructor({ budget = BUDGETS.profile, rate, seed = newSeed(), ...options } = {}) {
    this.#options = options;
    this.#random = new Random(seed);
    this.#sampling = new Sampling(this.#random, rate ?? LEAST);
    this.#pins = new Pins(this.#sampling, this.#parts);
    this.#collections = new Collections(budget * OF_COLLECTIONS);
    this.#samples = new Samples(this.#cells, this.#collections, this.#parts);
    this.#budget = new Budget(budget, this.#sampling, rate !== undefined, time.now(), usedMs);
    this.#about = {
      id: [this.#random.hex(), this.#random.hex()].join(''),
      pid: process.pid,
      thread: threadId,
      node: process.version,
      platform: `${process.platform}-${process.arch}`,
      title: process.argv[1] ?? process.title,
      start: time.wall(),
      budget,
      pool: Buffer.poolSize,
    };
  }

  /** Patches the functions to record. Throws if another recorder runs in this thread. */
  start() {
    if (this.#timer !== null || isRunning()) throw new Error('A recorder runs in this thread');
    announce(true);
    this.#collections.start();
    profiler.show = patchAll(this.#patches, {
      ...this.#options,
      requests: this.#requests,
      samples: this.#samples,
      parts: this.#parts,
      compiled: this.#sites.compiled,
      shown: globalThis[kShown] ?? [],
    });
    this.#timer = time.setInterval(() => attempt(() => this.#tick()), TICK_MS);
    this.#timer.unref?.();
    sampleTo(this);
    this.#sampling.draw();
  }

  stop() {
    if (this.#timer === null) return;
    time.clearInterval(this.#timer);
    this.#timer = null;
    sampleTo(null);
    profiler.show = ignore;
    attempt(() => announce(false));
    attempt(() => this.#requests.stop());
    attempt(() => this.#collections.stop());
    restoreAll(this.#patches);
  }

  /** Called by a wrapper: see sampling.js. */
  sampled(made, bytes, source, below, memory = source) {
    // No number of empty ones makes a sample; after an interruption the countdown may be over.
    if (bytes === 0 || !this.#sampling.arrives()) return this.#pins.meet(made);
    const request = this.#requests.current;
    const weight = this.#next(bytes);
    const born = time.now();
    const held = hold(below); // here, because each frame between it and `below` costs some µs
    const siteOf = () => this.#siteOf(source, held, request);
    const sample = this.#add(made, bytes, weight, request, siteOf, memory, born);
    if (sample !== undefined && this.#requests.isListening) this.#samples.listened(sample);
    if (sample?.slice) this.#pins.begin(sample.slice, made);
  }

  joined(made, list) {
    if (Array.isArray(list)) this.#samples.joined(made, list);
  }

  sampledChunk(chunk, bytes, source, stream) {
    if (bytes === 0 || !this.#sampling.arrives()) return this.#pins.pass();
    const request = this.#requests.of(stream) ?? this.#requests.current;
    const siteOf = () => this.#sites.ofStream(source, request?.route);
    this.#add(chunk, bytes, this.#next(bytes), request, siteOf);
  }

  begun(most, below) {
    const ticket = this.#sampling.ticket(most);
    if (ticket === undefined) return undefined;
    const began = time.now();
    const held = hold(below);
    this.#budget.spendOther(time.now() - began);
    return { ...ticket, held, request: this.#requests.current };
  }

  finished(ticket, made, bytes, source) {
    const { held, request } = ticket;
    const weight = weightOf(ticket, bytes);
    if (weight === undefined) return;
    this.#add(made, bytes, weight, request, () => this.#siteOf(source, held, request));
  }

  /** Returns the weight of a sample, and draws the distance to the next. */
  #next(bytes) {
    const weight = this.#sampling.weight(bytes);
    this.#sampling.draw();
    return weight;
  }

  #siteOf(source, held, request) {
    return this.#sites.of(source, held, request && (() => request.route));
  }

  #add(made, bytes, weight, request, siteOf, memory, born = time.now()) {
    try {
      if (request !== undefined) request.isSampled = true;
      const site = siteOf();
      if (site === undefined) return undefined;
      const sample = this.#samples.add(made, bytes, weight, site, born, request, memory);
      const now = time.now();
      this.#budget.spend(now - born, now);
      this.#options.onSample?.();
      return sample;
    } catch {
      return undefined; // a stack overflow
    }
  }

  passed() {
    if (this.#sampling.arrives()) this.#sampling.draw();
    else this.#pins.pass();
  }

  #tick() {
    const began = time.now();
    look();
    this.#samples.hear();
    for (const one of [this.#collections, this.#pins, this.#parts]) {
      this.#budget.spendOther(one.spentMs);
      one.spentMs = 0;
    }
    if (this.#samples.areYoung) this.#collections.ask(began, TICK_MS);
    const now = time.now();
    this.#budget.spendOther(now - began);
    this.#budget.look(now);
  }

  /** Returns a block of everything since the last one. */
  take() {
    const began = time.now();
    this.#samples.hear();
    if (this.#collections.majors !== this.#toldMajors) {
      this.#toldMajors = this.#collections.majors;
      this.#samples.noteOutlived();
    }
    const block = this.#block();
    this.#budget.spendOther(time.now() - began);
    return block;
  }

  /** Makes the next block define all sites again. */
  tellAgain() {
    this.#sites.tellAgain();
  }

  /**
   * Returns the last block, which includes what is alive. Runs a collection, so it takes long. If
   * the program `hasEnded` by itself, that collection also finds dead what lived until then.
   */
  settle(hasEnded = false) {
    this.#samples.hear();
    if (hasEnded) {
      this.#tellPeaks();
      this.#samples.settleSurvivors();
    }
    // A second one waits until the Buffers that the first has found dead are swept, which takes V8
    // some ms beside the program.
    if (collectNow(MOST_HEAP_AT_END) && memoryUsage().arrayBuffers > MOST_UNSWEPT)
      collectNow(MOST_HEAP_AT_END);
    this.#pins.end();
    this.#samples.settle();
    return this.#block(true);
  }

  #block(isLast = false) {
    this.#tellPeaks();
    const slot = this.#told - (this.#told % SLOT_MS); // the slot in which the block began
    const until = time.wall();
    this.#told = until;
    return {
      recorder: this.#about,
      slot,
      until,
      rate: this.#sampling.mean,
      number: ++this.#blocks,
      collections: this.#collections.count,
      requests: this.#requests.count,
      process: this.#process(slot, isLast || until >= slot + SLOT_MS),
      sites: this.#sites.untold(),
      cells: this.#cells.take(),
    };
  }

  #tellPeaks() {
    for (const site of this.#sites) {
      if (site.peak <= site.toldPeak) continue;
      this.#cells.add(site, 0, events.PEAK, 0, 0, site.peak - site.toldPeak);
      site.toldPeak = site.peak;
    }
    const pins = this.#samples.pinned();
    const share = shareOf(pins);
    for (const [site, estimate] of [...pins, ...this.#samples.kept()]) {
      const pinned = Math.floor(estimate * share);
      if (pinned <= site.pinned) continue;
      this.#cells.add(site, 0, events.PINNED, 0, 0, pinned - site.pinned);
      site.pinned = pinned;
    }
  }

  /**
   * The process's memory, once at the end of each slot. Only the main thread has an RSS, because
   * that is of the whole process. `live`: the recorder's estimate.
   */
  #process(slot, isOver) {
    if (!isOver || slot === this.#toldSlot) return undefined;
    this.#toldSlot = slot;
    const { rss, arrayBuffers, external, heapUsed } = memoryUsage();
    const { live } = this.#samples;
    return { rss: isMainThread ? rss : 0, arrayBuffers, external, heapUsed, live };
  }
}

module.exports = { Recorder, isRunning };
