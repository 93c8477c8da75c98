'use strict';

// What the profiler costs a server: the demo's ingest on Express (a POST of 64 KiB, sixteen pieces of it framed into one Buffer), with
// Buffers as people allocate them. By `ralloc profile` with its budget of 2 %, and by profiler.start() of production with 1 %.
//
// Caveats: a budget is a part of the time that a thread has of a core, as the recorder measures it: what its samples cost V8's collector is
// in it as an estimate. The recorder's own minor collections take the place of some that V8 would have made. Its code and tables are 1.2 MB of V8's heap, and what
// V8 marks in them does not depend on the application: here they are an eighth of a heap that is marked anew after each 130 requests.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const allocators = require('../demo/allocators.js');
const { profiler } = require('ralloc');
const fixture = require('./fixtures/ingest.js');
const { compareServers } = require('./servers.js');

const ingest = () => fixture.ingest(allocators.allocUnsafe());

const profileOf = (pid) => path.join(os.tmpdir(), `ralloc-bench-${pid}.jsonl`);

/** The file goes with the process. */
function ingestInProduction() {
  const file = profileOf(process.pid);
  profiler.start({ file });
  process.on('exit', () => fs.rmSync(file, { force: true }));
  return ingest();
}

const BARE = 'not profiled';
const PRODUCTION = 'profiler.start(), 1 %';
const PROFILE = 'ralloc profile, 2 %';

const kinds = {
  ingest: { [BARE]: ingest, [PRODUCTION]: ingestInProduction, [PROFILE]: ingest },
};

async function overhead() {
  const file = profileOf(`${process.pid}-whole`);
  const whole = {
    execArgv: ['--require', require.resolve('ralloc/profile')],
    env: { RALLOC_PROFILE_FILE: file },
  };
  try {
    return await compareServers({
      file: 'profile-overhead.js',
      kind: 'ingest',
      names: Object.keys(kinds.ingest),
      request: { size: fixture.SIZE },
      processes: { [PROFILE]: whole },
      sliceMs: fixture.SLICE_MS,
    });
  } finally {
    fs.rmSync(file, { force: true });
  }
}

module.exports = {
  kinds,
  notMeasured: 'the end of a recording, which collects garbage; applications of many threads',
  scenarios: { 'ingest on Express': overhead },
};
