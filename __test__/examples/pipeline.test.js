'use strict';
// tier: tools

require('../helpers/unwritten.js'); // of which no byte may come out
const test = require('ava');
const { createHash } = require('node:crypto');
const { once } = require('node:events');
const path = require('node:path');
const { FramePipeline, PipelineError } = require('../../examples/frame-pipeline.js');
const grey = require('../../examples/pipeline/grey.js');
const { nativeTest, isNative } = require('../helpers/backend.js');
const { stamp, stamped } = require('../helpers/bytes.js');
const { fixturePath: fixture } = require('../helpers/child.js');
const { folder } = require('../helpers/folder.js');
const { run: runProgram } = require('../helpers/serving.js');

const program = path.join(__dirname, '..', '..', 'examples', 'frame-pipeline.js');
const stages = path.join(__dirname, '..', '..', 'examples', 'pipeline');
const ONE_THREAD = 'a slab stays in its thread';
const MiB = 2 ** 20;

/** What a frame and its digest have to be in the end. */
function expected(bytes, seq) {
  const frame = stamped(bytes, seq);
  grey(frame);
  return { frame, digest: createHash('sha256').update(frame).digest('hex') };
}

const isRight = ({ seq, frame, results }) => {
  const right = expected(frame.length, seq);
  return frame.equals(right.frame) && results.length === 2 && results[1] === right.digest;
};

/** Every slot is free, but those that a dead worker has sent and nobody heard of. */
function allFree(t, { stats }) {
  const { held, elsewhere, sent, free, cached, count } = stats.memory;
  t.deepEqual([held, elsewhere], [0, 0]);
  t.is(free + cached + sent, count);
}

const make = (t, options) => {
  const pipeline = new FramePipeline({ generate: stamp, ...options });
  t.teardown(() => pipeline.close());
  return pipeline;
};

nativeTest('frames of 4 MiB come out in order, each byte right', ONE_THREAD, async (t) => {
  const pipeline = make(t);
  const seen = [];
  await pipeline.run(6, (one) => {
    t.is(one.frame.length, 4 * MiB);
    seen.push([one.seq, isRight(one)]);
  });
  t.deepEqual(
    seen,
    Array.from({ length: 6 }, (_, seq) => [seq, true]),
  );
  t.like(pipeline.stats, { restarts: 0, again: 0 });
  t.is(pipeline.stats.memory.sent, 0);
  allFree(t, pipeline);
  await pipeline.run(0, () => t.fail());
  await pipeline.run(1, ({ seq }) => t.is(seq, 0, 'and once more from the beginning'));
});

nativeTest('however slow the end is, few frames are under way', ONE_THREAD, async (t) => {
  for (const inFlight of [1, 3, 8]) {
    let [made, ended, most] = [0, 0, 0];
    const generate = (frame, seq) => {
      made++;
      most = Math.max(most, made - ended);
      stamp(frame.subarray(0, 16), seq);
    };
    const pipeline = make(t, { inFlight, generate, frameBytes: 2 ** 16 });
    await pipeline.run(60, async () => {
      await new Promise(setImmediate);
      ended++;
    });
    t.deepEqual([made, ended, most], [60, 60, inFlight]);
    allFree(t, pipeline);
  }
});

for (const stage of [0, 1]) {
  nativeTest(
    `stage ${stage} is terminated again and again: nothing is lost`,
    ONE_THREAD,
    async (t) => {
      const pipeline = make(t, { frameBytes: 2 ** 16, inFlight: 6 });
      const seqs = [];
      const killed = [];
      await pipeline.run(60, async (one) => {
        seqs.push(one.seq);
        t.true(isRight(one), `frame ${one.seq}`);
        if (one.seq % 12 !== 5) return;
        const worker = pipeline.workers[stage];
        killed.push(once(worker, 'exit'));
        worker.terminate();
        // Amid the work of the next one, too.
        if (one.seq === 29) await killed.at(-1);
      });
      t.deepEqual(
        seqs,
        Array.from({ length: 60 }, (_, seq) => seq),
      );
      await Promise.all(killed);
      t.is(pipeline.stats.restarts, 5);
      allFree(t, pipeline);
    },
  );
}

/** Frames that tell fixtures/examples/stage-dies.js how, and where it may leave its mark. */
function deadly(t, how) {
  const mark = path.join(folder(t), 'mark');
  return (frame, seq) => {
    frame.fill(seq);
    frame[0] = how;
    frame[1] = mark.length;
    frame.write(mark, 2, 'latin1');
  };
}

for (const [how, what] of ['throws', 'calls process.exit()'].entries()) {
  nativeTest(`a worker ${what} with a frame: it is made again`, ONE_THREAD, async (t) => {
    const pipeline = make(t, {
      frameBytes: 2 ** 16,
      generate: deadly(t, how),
      stages: [path.join(stages, 'grey.js'), fixture('examples/stage-dies.js')].reverse(),
    });
    const seqs = [];
    await pipeline.run(20, ({ seq, results }) => {
      seqs.push([seq, results[0]]);
    });
    t.deepEqual(
      seqs,
      Array.from({ length: 20 }, (_, seq) => [seq, seq]),
    );
    t.like(pipeline.stats, { restarts: 1, again: 1 });
    allFree(t, pipeline);
  });
}

nativeTest('a frame that kills every worker ends it, by its name', ONE_THREAD, async (t) => {
  const pipeline = make(t, {
    frameBytes: 2 ** 16,
    generate: deadly(t, 2),
    stages: [fixture('examples/stage-dies.js')],
  });
  const seqs = [];
  const run = pipeline.run(20, ({ seq }) => {
    seqs.push(seq);
  });
  const error = await t.throwsAsync(run, { instanceOf: PipelineError, code: 'ERR_FRAME_FAILED' });
  t.is(error.seq, 7);
  t.is(error.cause.message, 'at frame 7, as always');
  t.deepEqual(seqs, [0, 1, 2, 3, 4, 5, 6]);
  await t.throwsAsync(
    pipeline.run(1, () => {}),
    { is: error },
    'it runs no more',
  );
  await pipeline.close();
  t.false(pipeline.stats.memory.live);
});

nativeTest('a stage that does not start ends it with the reason', ONE_THREAD, async (t) => {
  const pipeline = make(t, { stages: [fixture('no-such-file.js')], frameBytes: 2 ** 16 });
  const error = await t.throwsAsync(
    pipeline.run(3, () => {}),
    { code: 'ERR_STAGE_FAILED' },
  );
  t.is(error.cause.code, 'MODULE_NOT_FOUND');
});

nativeTest('an error of who makes or takes frames is that of the run', ONE_THREAD, async (t) => {
  for (const name of ['generate', 'onFrame']) {
    const wrong = new Error(name);
    const fail = (seq) => {
      if (seq === 4) throw wrong;
    };
    const pipeline = make(t, {
      frameBytes: 2 ** 16,
      generate: (_frame, seq) => fail(name === 'generate' && seq),
    });
    const run = pipeline.run(20, ({ seq }) => fail(name === 'onFrame' && seq));
    await t.throwsAsync(run, { is: wrong });
    await pipeline.close();
  }
});

test('as a program: it tells the rate and the digest, or why it cannot', async (t) => {
  const run = (...args) => runProgram(t, program, args);
  const { code, stdout, stderr } = await run('--frames', '10');
  if (isNative) {
    t.is(code, 0, stderr);
    t.regex(
      stdout,
      /^10 frames of 4 MiB in [\d.]+ s, [\d.]+ a second\nSHA-256 of all digests: [0-9a-f]{64}\n$/,
    );
    t.is(
      (await run('--frames', '10', '--in-flight', '1')).stdout.split('\n')[1],
      stdout.split('\n')[1],
    );
  } else {
    t.is(code, 1);
    t.regex(stderr, /^The slab cannot be shared: /);
  }
  for (const args of [['--fast'], ['--frames', '0'], ['--in-flight', 'x']]) {
    t.is((await run(...args)).code, 2);
  }
});
