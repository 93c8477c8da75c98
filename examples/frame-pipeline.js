'use strict';

// Frames of 4 MiB through two worker threads and back, without a copy:
//
//   node examples/frame-pipeline.js [--frames 100] [--in-flight 4]
//
//   main: a picture ──token──▶ worker: grey ──token──▶ worker: SHA-256 ──token──▶ main
//
// The frames stay where they are, in a slab that every thread has mapped. What goes from thread to thread is a
// token, a number: who receives it has the Buffer, and who sent it has it no more. As many frames are under way
// as there are slots.
//
// A worker may die at any moment. What it had in its hands is free then, and made again; what it had not yet
// received is taken back; frames that others work on go on.

const { createHash } = require('node:crypto');
const { join } = require('node:path');
const { parseArgs } = require('node:util');
const { Slab } = require('ralloc');
const { Stage } = require('./pipeline/stage.js');

const MiB = 2 ** 20;
const MOST_TRIES = 3; // for a frame that was lost with its worker

const STAGES = ['grey', 'digest'].map((name) => join(__dirname, 'pipeline', `${name}.js`));

/** It cannot go on: ERR_FRAME_FAILED with the frame's `seq`, or ERR_STAGE_FAILED; `cause` is the worker's error. */
class PipelineError extends Error {
  constructor(code, message, cause, seq) {
    super(message, { cause });
    this.name = 'PipelineError';
    this.code = code;
    this.seq = seq;
  }
}

/** A picture of 1024 pixels a line, which differs from frame to frame. */
function generate(frame, seq) {
  const pixels = new Uint32Array(frame.buffer, frame.byteOffset, frame.length / 4);
  for (let i = 0; i < pixels.length; i++) pixels[i] = 0xff000000 | (Math.imul(i, 2654435761) + seq);
}

class FramePipeline {
  #slab;
  #stages;
  #options;
  #tries = new Map(); // seq → how often the frame was lost, if it was
  #done = new Map(); // seq → { token, results }, of frames that wait for an earlier one
  #results = new Map(); // seq → what the stages have said of it so far
  #count = 0;
  #begun = 0; // frames that were generated for the first time
  #ended = 0; // frames that onFrame() has had
  #isDelivering = false;
  #settle = null; // { resolve, reject, onFrame } of run()
  #failure = null; // why it runs no more

  /**
   * `stages`: files of modules that export a function (frame, seq) => result, one for each worker. `generate`
   * fills a frame, and does so again for one that was lost. `frameBytes`: a power of two.
   */
  constructor(options = {}) {
    this.#options = { frameBytes: 4 * MiB, inFlight: 4, stages: STAGES, generate, ...options };
    const { frameBytes, inFlight, stages } = this.#options;
    const maxBytes = frameBytes * inFlight + MiB; // for the records of the slots
    // A frame is generated into the whole of its slot, whose object may as well be used again.
    this.#slab = new Slab({
      name: 'frames',
      sizes: [frameBytes],
      count: inFlight,
      maxBytes,
      safety: 'recycle',
    });
    const handle = this.#slab.handle();
    this.#stages = stages.map((file, index) => {
      const onDone = (seq, token, result) => this.#onDone(index, seq, token, result);
      const onLost = (seq, token, error) => this.#onLost(index, seq, token, error);
      const onFailed = (error) => {
        this.#fail(new PipelineError('ERR_STAGE_FAILED', `stage ${index} does not start`, error));
      };
      return new Stage(file, handle, { onDone, onLost, onFailed });
    });
  }

  /** The workers that are there at the moment, by stage. */
  get workers() {
    return this.#stages.map(({ worker }) => worker);
  }

  get stats() {
    const restarts = this.#stages.reduce((sum, stage) => sum + stage.restarts, 0);
    return {
      restarts,
      again: [...this.#tries.values()].reduce((a, b) => a + b, 0),
      memory: this.#slab.stats(),
    };
  }

  /**
   * Moves `count` frames through all stages. Calls onFrame({ seq, frame, results }) for each, in order, and
   * awaits it; the frame is freed then. Rejects with a PipelineError, or with the error of generate() or
   * onFrame(), and is of no more use than to be closed then.
   */
  run(count, onFrame) {
    if (this.#settle !== null) throw new Error('the pipeline runs already');
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) throw this.#failure;
      const settle = (how) => (value) => {
        this.#settle = null;
        how(value);
      };
      this.#settle = { resolve: settle(resolve), reject: settle(reject), onFrame };
      [this.#count, this.#begun, this.#ended] = [count, 0, 0];
      for (const map of [this.#tries, this.#done, this.#results]) map.clear();
      if (count === 0) this.#settle.resolve();
      this.#begin();
    });
  }

  /** Ends the workers and gives the memory back. */
  async close() {
    await Promise.all(this.#stages.map((stage) => stage.close()));
    this.#slab.close({ force: true });
  }

  #fail(error) {
    this.#failure ??= error;
    this.#settle?.reject(error);
  }

  #begin() {
    const most = Math.min(this.#count, this.#ended + this.#options.inFlight);
    while (this.#settle !== null && this.#begun < most) this.#generate(this.#begun++);
  }

  #generate(seq) {
    try {
      const frame = this.#slab.allocUnsafe(this.#options.frameBytes);
      this.#options.generate(frame, seq);
      this.#results.set(seq, []);
      this.#stages[0].push(seq, this.#slab.send(frame));
    } catch (error) {
      this.#fail(error);
    }
  }

  #onDone(index, seq, token, result) {
    if (this.#settle === null) return;
    this.#results.get(seq).push(result);
    if (index + 1 < this.#stages.length) {
      this.#stages[index + 1].push(seq, token);
      return;
    }
    this.#done.set(seq, token);
    this.#deliver();
  }

  /** A stage's worker is gone, or had a token that was not good any more. */
  #onLost(index, seq, token, error) {
    if (this.#settle === null) return;
    const frame = this.#receive(token);
    // It had not yet been received: still as the stage before has left it.
    if (frame !== null) this.#stages[index].push(seq, this.#slab.send(frame));
    else this.#makeAgain(seq, error);
  }

  #makeAgain(seq, cause) {
    const tries = (this.#tries.get(seq) ?? 0) + 1;
    this.#tries.set(seq, tries);
    if (tries < MOST_TRIES) this.#generate(seq);
    else
      this.#fail(
        new PipelineError('ERR_FRAME_FAILED', `frame ${seq} was lost ${tries} times`, cause, seq),
      );
  }

  /** The Buffer of a token; null if it was received, or its sender is dead and slots ran out. */
  #receive(token) {
    try {
      return this.#slab.receive(token);
    } catch (error) {
      if (error.code === 'ERR_RALLOC_STALE_TOKEN') return null;
      throw error;
    }
  }

  async #deliver() {
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    try {
      while (this.#settle !== null && this.#done.has(this.#ended)) await this.#deliverOne();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isDelivering = false;
    }
  }

  async #deliverOne() {
    const seq = this.#ended;
    const frame = this.#receive(this.#done.get(seq));
    this.#done.delete(seq);
    if (frame === null) {
      this.#makeAgain(seq, null);
      return;
    }
    try {
      await this.#settle.onFrame({ seq, frame, results: this.#results.get(seq) });
    } finally {
      this.#slab.free(frame);
    }
    this.#results.delete(seq);
    this.#ended++;
    this.#begin();
    if (this.#ended === this.#count) this.#settle?.resolve();
  }
}

const USAGE = 'usage: node frame-pipeline.js [--frames N] [--in-flight N]';

function parse(words) {
  const number = { type: 'string' };
  const { values } = parseArgs({ args: words, options: { frames: number, 'in-flight': number } });
  const read = (name, fallback, most) => {
    const value = Number(values[name] ?? fallback);
    if (Number.isInteger(value) && value >= 1 && value <= most) return value;
    throw new RangeError(`--${name} must be an integer from 1 to ${most}, not ${values[name]}`);
  };
  return { frames: read('frames', 100, 2 ** 31), inFlight: read('in-flight', 4, 256) };
}

/** 0: all frames came through; 1: they did not; 2: wrong usage. */
async function main(words) {
  let options;
  try {
    options = parse(words);
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    return 2;
  }
  const { frames, inFlight } = options;
  let pipeline;
  try {
    pipeline = new FramePipeline({ inFlight });
    const all = createHash('sha256');
    const begun = performance.now();
    await pipeline.run(frames, ({ results }) => {
      all.update(results.at(-1));
    });
    const seconds = (performance.now() - begun) / 1000;
    const rate = (frames / seconds).toFixed(1);
    console.log(`${frames} frames of 4 MiB in ${seconds.toFixed(1)} s, ${rate} a second`);
    console.log(`SHA-256 of all digests: ${all.digest('hex')}`);
    return 0;
  } catch (error) {
    console.error(error.message);
    return 1;
  } finally {
    await pipeline?.close(); // its workers keep the process running
  }
}

module.exports = { FramePipeline, PipelineError };

if (require.main === module) {
  main(process.argv.slice(2)).then((code) => {
    process.exitCode = code;
  });
}
