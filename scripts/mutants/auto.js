'use strict';

const load = ['auto/load.test.js'];
const left = ['auto/left.test.js'];
const table = ['auto/table.test.js'];
const dead = ['auto/requests.test.js'];
const watch = ['auto/watch.test.js'];
const requests = ['auto/requests.test.js'];
const counts = ['auto/trial-summary.test.js'];
const verb = ['tools/cli/trial.test.js'];

module.exports = [
  {
    file: 'auto/edits.js',
    tests: left,
    mutants: {
      'a table without the look is enough': [
        'if (edit === undefined) return',
        'if (edit === 0) return',
      ],
      'the look does not matter': ['if (edit !== true && !isChanged()) return edit;', ''],
      'the look at the text of before is enough': [' && !isChanged()', ''],
      'any call is the right one': ['?.[1]}` !== source', '?.[1]}` === source'],
      'Buffer.alloc is changed unasked': ["source === 'Buffer.alloc' && !isAlloc", 'false'],
      'what has a pool is changed': ['mostly <= Buffer.poolSize >>> 1', 'mostly <= 0'],
      'half of the pool has none': [
        'mostly <= Buffer.poolSize >>> 1',
        'mostly < Buffer.poolSize >>> 1',
        { tests: ['tools/placement/apply/rules.test.js'] },
      ],
      'packages are changed': ['owner !== undefined && !packages.includes(owner)', 'false'],
      'files outside are changed': [
        'owner !== undefined || !isOutside(nameIn(root, file))',
        'true',
      ],
      'what is suggested is changed': ['(isSuggested || isProved(site))', 'true'],
      'what is suggested is never changed': ['(isSuggested || isProved(site))', 'isProved(site)'],
      'a place that is told twice': [
        'if (others.some((edit) => edit.offset === offset)) continue;',
        '',
      ],
    },
  },
  {
    file: 'auto/change.js',
    tests: left,
    mutants: {
      'what was compiled is followed': [
        'if (!isOf(text, hashOf(bytes))) return { state: OTHER };',
        '',
      ],
      'a name that is there': [
        'if (edits.some(({ name }) => text.includes(name))) return { state: CONFLICT };',
        '',
      ],
      'a place where no call stands': ['text.startsWith(edit.callee, at(edit))', 'true'],
      'a byte order mark counts': ['text.startsWith(BOM) ? BOM.length : 0', '0', { tests: load }],
      'a name of another length': [
        "const LENGTH = 'Buffer'.length;",
        "const LENGTH = 'Buffer'.length - 1;",
        { tests: load },
      ],
    },
  },
  {
    file: 'auto/follow.js',
    tests: left,
    mutants: {
      'a line that is lost is no matter': ['if (lost.length > 0) return undefined;', ''],
      'what the file says now does not matter': ['why(edit) === true', 'true'],
    },
  },
  {
    file: 'auto/trial-site.js',
    tests: left,
    mutants: {
      'what is allocated outside is not counted': [
        '=== undefined ? OUTSIDE : INSIDE]++',
        '=== undefined ? INSIDE : INSIDE]++',
        { tests: load },
      ],
      'calls within requests are not counted': [
        '=== undefined ? OUTSIDE : INSIDE]++',
        '=== undefined ? OUTSIDE : OUTSIDE]++',
        { tests: requests },
      ],
      'what an arena refuses is not counted': [
        '    this.#counts[HEAP]++;\n  }\n}',
        '  }\n}',
        { tests: requests },
      ],
    },
  },
  {
    file: 'auto/arenas.js',
    tests: counts,
    mutants: {
      'a copy is there twice': ['if (this.#known.includes(current)) return true;', ''],
      'arenas of the program too': [
        'if (this[kOfRequest] === true) onReset();',
        'onReset();',
        { tests: requests },
      ],
      'rewind() is not seen': ["of ['reset', 'rewind']", "of ['reset']", { tests: requests }],
    },
  },
  {
    file: 'auto/counts.js',
    tests: watch,
    mutants: {
      'threads share a lane': [
        'Math.min(Atomics.add(this.#header, THREADS, 1), lanes - 1)',
        '0',
        {
          equivalent:
            'one thread after the other adds to the same numbers; only at once they lose some',
        },
      ],
      'what other threads have is not told': ['lane < end;', 'lane < this.#size;', { tests: verb }],
    },
  },
  {
    file: 'memory/gc.js',
    tests: watch,
    mutants: {
      'one collection is enough': ['const SUFFICIENT = 2;', 'const SUFFICIENT = 1;'],
      'each look is a collection': ['if (ended > this.#ended) ', ''],
    },
  },
  {
    file: 'auto/watch.js',
    tests: watch,
    mutants: {
      'all Buffers are looked at': ['site.counts[ALLOCATED] % EVERY === 0', 'true'],
      'those of the heap are of arenas': [
        'return false;\n      SiteBearer',
        'return true;\n      SiteBearer',
        { tests: requests },
      ],
      'any number of them': ['this.#looked.length >= MOST_LOOKED || ', ''],
      'those of requests that are not over': ['if (lengthOf.call(buffer) > 0) return true;', ''],
      'at the end too': ['if (buffer === undefined || lengthOf.call(buffer) === 0)', 'if (true)'],
      'what is gone is kept': ['if (isKept) counts[KEPT]++;', 'counts[KEPT]++;'],
      'the timer stays': ['    time.clearInterval(this.#timer);\n', ''],
      'the process waits for it': ['      this.#timer.unref();\n', ''],
      'memory of several sites is of the first': [
        'memory.#sites = [memory.#sites, site]',
        'memory.#sites = memory.#sites',
      ],
      'memory of three is of two': ['!memory.#sites.includes(site)', 'false'],
      'a site is there more than once': ['!memory.#sites.includes(site)', 'true'],
    },
  },
  {
    file: 'auto/trial-summary.js',
    tests: ['auto/trial-summary.test.js'],
    mutants: {
      'more than ten lines': ['const MOST_LINES = 8;', 'const MOST_LINES = 9;'],
      'two lines with a reason are one': ['nones.length > 2', 'nones.length > 1'],
      'one file is told as several': [' && files.length > 1', ''],
      'all files are named': ['const MOST_FILES = 3;', 'const MOST_FILES = 4;'],
      'what one process did not load was not loaded': ['    sum.state |= site.state;\n', ''],
      'uses of the dead are not told': [
        '.filter((site) => site.dead + site.perhaps > 0)',
        '.filter(() => false)',
      ],
      'what is kept is not told': ['.filter((site) => site.kept > 0)', '.filter(() => false)'],
      'the first process alone is told': [
        '    for (const name of FIELDS) sum[name] += site[name];\n',
        '',
      ],
      'a missing requestArena() is not told': [
        'mounts === 0 && wanted',
        'false && wanted',
        { tests: left },
      ],
    },
  },
  {
    file: 'auto/begin.js',
    tests: table,
    mutants: {
      'proofs are not checked': ['  checkProofs(table, file);\n', ''],
      'nobody is told that it is off': ["    warnOnce('RALLOC_TRIAL_OFF', error);\n", ''],
      'signals end it without a word': [
        '  new Signals(() => trial.end()).start();\n',
        '',
        { tests: verb },
      ],
      'workers count for themselves': [
        'new Trial(plan, shared).start()',
        'new Trial(plan).start()',
        { tests: verb },
      ],
    },
  },
  {
    file: 'tools/cli/trial.js',
    tests: verb,
    mutants: {
      'variables of before reach the application': [
        '...process.env, ...variablesOf(options)',
        '...variablesOf(options), ...process.env',
      ],
      'any table starts the application': [
        '  checkProofs(readOwnTable(table), table);\n',
        '',
        { tests: table },
      ],
    },
  },
  {
    file: 'base/dead.js',
    tests: dead,
    mutants: { 'trials hear of no use': ['  globalThis[kTrial]?.died(view);\n', ''] },
  },
  {
    file: 'request/requests.js',
    tests: left,
    mutants: {
      'trials have no context': ['this.settings.context || isTried', 'this.settings.context'],
    },
  },
];
