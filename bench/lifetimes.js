'use strict';

// What `ralloc apply` gains a service (docs/guide/placement.md): Express, with a parser of rows, a cache of reports, a store of sessions and a slow leak, as
// examples/rows-service.js has them. A request is a page of rows; half of them ask for one of 200 pages whose report is in the cache.
//
// `plain` has no ralloc at all, and `plain again` is the null control. `apply` is what `ralloc apply` makes of it, with requestArena() mounted; `trial` is that
// before it was written, changed at load by ralloc/auto; `apply + free` is the example: reports and sessions in a region too, freed where they are let go. The others
// are what one can do without ralloc: a larger pool of Buffer's, V8's young generation held small, another malloc. The pool is one for reports and sessions: in one
// that pages are cut from too, each report, session and line of the journal keeps some pages' memory, and the server runs out of 1 GB.
//
// Caveats: a page is parsed anew by each request, a large part of its CPU, which is the same for all. The table says what a recording under load says,
// and is not recorded here. Each server may have 1 GB of memory of its own (RLIMIT_DATA: what it maps, in RAM or not), of which V8 is told as in a container: half of it
// for its heap. A memory cgroup would count what is in RAM, and the kernel's buffers of sockets too. All answers are compared before anything is measured.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { RowsService } = require('../examples/rows-service.js');
const { TABLE, prepare } = require('./fixtures/rows/prepare.js');
const { compareServers } = require('./servers.js');

const KiB = 1024;
const SIZES = { '256 KiB a request': 256 * KiB, '1 MiB a request': 1024 * KiB };
const LIMIT = 1e9;
const HEAP = '--max-old-space-size=500';
const SCAVENGER = '--scavenger-max-new-space-capacity-mb';
const POOL = 128 * KiB; // of Buffer's
const [USERS, PAGES, HOT] = [500, 1e6, 200];

const SLICE_MS = 500;
const WARM_UP_MS = 5000; // of 256 KiB, some thousand requests
const PACE_MS = 2000;

/** The servers' processes know by these what they are. */
const FOLDER = 'RALLOC_BENCH_ROWS';
const PAGE = 'RALLOC_BENCH_PAGE';

const pageBytes = () => Number(process.env[PAGE]);

/** Asks for pages, whatever the client asks for: the same ones of each server. */
function asked(app) {
  let state = 1;
  const draw = (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  return http.createServer((req, res) => {
    const page = draw(2) === 0 ? draw(HOT) : draw(PAGES);
    req.url = `/users/user-${draw(USERS)}/rows/${page}`;
    app(req, res);
  });
}

/** The service of this process's folder. */
function service(isMounted) {
  const from = (name) => require(path.join(process.env[FOLDER], name));
  const mount = isMounted ? from('mount.js').mount : undefined;
  return asked(from('app.js').createApp({ pageBytes: pageBytes(), mount }));
}

const plain = () => service(false);
const mounted = () => service(true);

function pooled() {
  Buffer.poolSize = POOL;
  return plain();
}

const freed = () => asked(new RowsService({ pageBytes: pageBytes() }).app);

/** Where systems keep their libraries. */
const LIBRARIES = ['x86_64-linux-gnu', 'aarch64-linux-gnu', '.']
  .map((triple) => path.join('/usr/lib', triple))
  .concat('/usr/lib64', '/usr/local/lib');

/** The file of a library that can be preloaded, or undefined. */
function library(name) {
  if (process.platform !== 'linux') return undefined;
  const isIts = new RegExp(`^lib${name}\\.so(\\.[\\d.]+)?$`);
  for (const folder of LIBRARIES) {
    const file = fs.existsSync(folder) && fs.readdirSync(folder).find((one) => isIts.test(one));
    if (file) return path.join(folder, file);
  }
  return undefined;
}

const mallocs = ['jemalloc', 'mimalloc'].map((name) => ({ name, file: library(name) }));
const found = mallocs.filter(({ file }) => file !== undefined);

const preloaded = (file) => `plain, LD_PRELOAD of ${path.basename(file)}`;
const withTable = (dir) => ({
  execArgv: ['--require', require.resolve('ralloc/auto')],
  env: { RALLOC_TABLE: path.join(dir, TABLE) },
});

/** Each rival: which folder it is of, what creates its server, and how its process begins. */
const RIVALS = {
  plain: { of: 'plain', create: plain },
  'plain again': { of: 'plain', create: plain },
  apply: { of: 'apply', create: mounted },
  'apply + free': { of: 'plain', create: freed },
  trial: { of: 'plain', create: mounted, start: withTable },
  'trial, an empty table': { of: 'empty', create: plain, start: withTable },
  [`plain, Buffer.poolSize of ${POOL / KiB} KiB`]: { of: 'plain', create: pooled },
  [`plain, ${SCAVENGER.slice(2)}=8`]: {
    of: 'plain',
    create: plain,
    start: () => ({ execArgv: [`${SCAVENGER}=8`] }),
    isKnown: () =>
      spawnSync(process.execPath, ['--v8-options'], { encoding: 'utf8' }).stdout.includes(
        SCAVENGER,
      ),
  },
  ...Object.fromEntries(
    found.map(({ file }) => [
      preloaded(file),
      { of: 'plain', create: plain, start: () => ({ env: { LD_PRELOAD: file } }) },
    ]),
  ),
};

const kinds = {
  rows: Object.fromEntries(Object.entries(RIVALS).map(([name, { create }]) => [name, create])),
};

/** How the process of a rival begins. */
function processOf({ of, start = () => ({}) }, dirs, size) {
  const { execArgv = [], env } = start(dirs[of]);
  return {
    execArgv: [HEAP, ...execArgv],
    env: { [FOLDER]: dirs[of], [PAGE]: String(size), ...env },
    dataBytes: process.platform === 'win32' ? undefined : LIMIT,
  };
}

const rows = (size) => async () => {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-bench-')));
  try {
    const dirs = prepare(folder, size);
    const rivals = Object.entries(RIVALS).filter(([, { isKnown }]) => isKnown?.() ?? true);
    return await compareServers({
      file: 'lifetimes.js',
      kind: 'rows',
      names: rivals.map(([name]) => name),
      processes: Object.fromEntries(
        rivals.map(([name, rival]) => [name, processOf(rival, dirs, size)]),
      ),
      sliceMs: SLICE_MS,
      warmUpMs: WARM_UP_MS,
      paceMs: PACE_MS,
      isSame: true,
    });
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
};

const missing = mallocs.filter(({ file }) => file === undefined).map(({ name }) => name);

module.exports = {
  kinds,
  notMeasured: [
    'a database; memory of the kernel',
    ...missing.map((name) => `${name}, which is not installed here`),
  ].join('; '),
  scenarios: Object.fromEntries(Object.entries(SIZES).map(([name, size]) => [name, rows(size)])),
};
