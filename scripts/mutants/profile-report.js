'use strict';

const report = (name) => `tools/report/${name}.test.js`;

module.exports = [
  {
    file: 'tools/report/lines.js',
    tests: [report('model')],
    mutants: {
      'the outermost frame is the line': ['stack.find((frame)', 'stack.findLast((frame)'],
      'a dependency before the application': [
        "find('application') ?? find('dependency')",
        "find('dependency') ?? find('application')",
      ],
      'a dependency is the application': ['isOfRalloc(file) || DEPENDENCY.test(file) ?', 'false ?'],
      'the cheapest first': ['b.bytes - a.bytes ||', 'a.bytes - b.bytes ||'],
      'the cheapest stack first': ['b.bytes - a.bytes);', 'a.bytes - b.bytes);'],
      'streams of all routes together': ["route ?? ''", "''"],
      'all lines of a file together': ['place.line}:$', '0}:$'],
    },
  },
  {
    file: 'tools/report/collection.js',
    tests: [report('model')],
    mutants: {
      'seconds of recorders add up': ['until - Math.max(start, end)', 'until - start'],
    },
  },
  {
    file: 'tools/recorder/totals.js',
    tests: [report('interval')],
    mutants: {
      'what was not seen is nothing': ['Math.max(variance / sum, unseen)', 'variance / sum'],
      'bounds of a normal distribution': [
        'shape * Math.max(0, 1 - a + deviations * Math.sqrt(a)) ** 3',
        'Math.max(0, shape + deviations * Math.sqrt(shape))',
      ],
    },
  },
  {
    file: 'tools/recorder/recording.js',
    tests: [report('model'), 'tools/recorder/damage.test.js'],
    mutants: {
      'one recorder is all': ['this.#recorders.set(recorder.id,', 'this.#recorders.set(0,'],
      'nothing is lost': ['Math.max(0, last - blocks)', '0'],
      'the blocks of the last account': ['blocks: (a, b) => a + b', 'blocks: (a, b) => b'],
      'a site is known by its cells': [
        '(this.definitions.get(site) ?? LOST) !== LOST',
        'this.definitions.has(site)',
        { tests: ['tools/recorder/profile.test.js'] },
      ],
    },
  },
  {
    file: 'tools/recorder/profile.js',
    tests: ['tools/recorder/profile.test.js'],
    mutants: {
      'sums beyond 2^53 are rounded': [
        'if (sum <= Number.MAX_SAFE_INTEGER) return sum;',
        'return sum;',
      ],
    },
  },
  {
    file: 'tools/recorder/block.js',
    tests: ['tools/recorder/lines.test.js'],
    mutants: {
      'a block goes on where the last one was cut off': [
        '`\\n${stringify({ type',
        '`${stringify({ type',
      ],
    },
  },
  {
    file: 'tools/recorder/lines.js',
    tests: ['tools/recorder/lines.test.js'],
    mutants: {
      'half a byte is a number of bytes': [
        'Number.isSafeInteger(value) && value >= 0',
        'value >= 0',
      ],
      'any key is a site': ['isId(id) && ', ''],
      'a newer format is read': ['if (line.format > FORMAT) throw', 'if (line.format < 0) throw'],
      'integers that JSON rounds': [
        'text.replace(/([[,])(\\d{16,})/g, \'$1"$2"\')',
        'text',
        { tests: ['tools/recorder/profile.test.js'] },
      ],
    },
  },
  {
    file: 'tools/report/timeline.js',
    tests: [report('model')],
    mutants: {
      'each thread has its own resident set': [
        'Math.max(rss.get(one.pid) ?? 0, one.rss ?? 0)',
        '(rss.get(one.pid) ?? 0) + (one.rss ?? 0)',
      ],
      'one process is all': ['rss.set(one.pid,', 'rss.set(0,'],
      'changes are not summed': ['sum += change;\n', 'sum = change;\n'],
      'what rises within the error grows': ['rise > liveError * live &&', 'rise > 0 ||'],
      'few samples may grow': ['LEAST_ALIVE = 16', 'LEAST_ALIVE = 0'],
      'a merged profile does not grow': ['history.isEmpty ||', ''],
    },
  },
  {
    file: 'tools/report/findings.js',
    tests: [report('model')],
    mutants: {
      'all that churns is told': ['const CHURNS = 0.5', 'const CHURNS = 1.1'],
      'what pins little is told': ['const PINS = 4', 'const PINS = 1e9'],
      'garbage is not seen': ['notSeen - garbage >', 'notSeen < garbage &&'],
      'a short recording says nothing': ['!line.grows', 'false'],
      'what stays once the load is over is not told': ['!line.grows', 'line.growth === undefined'],
      'enough samples are few': ['FEW_SAMPLES = 100', 'FEW_SAMPLES = 10'],
    },
  },
  {
    file: 'tools/report/sources.js',
    tests: [report('sources')],
    mutants: {
      'the line before': ['line: entry.originalLine + 1', 'line: entry.originalLine'],
      'columns count from 0': ['Math.max(0, column - 1)', 'column'],
      'the text of a map is not kept': ['sourcesContent?.[index]?.toString()', 'undefined'],
    },
  },
  {
    file: 'debug/stack/on-disk.js',
    tests: [report('sources')],
    mutants: {
      'any file is read': ['!CODE.test(file) ||', ''],
      'the first map of a file': ['.at(-1)?.[1]', '.at(0)?.[1]'],
    },
  },
  {
    file: 'debug/stack/source-url.js',
    tests: [report('sources')],
    mutants: { 'no sourceRoot': ['= root ?', '= false ?'] },
  },
  {
    file: 'tools/report/compare.js',
    tests: [report('compare')],
    mutants: {
      'every change is one': [
        'Math.abs(change) <= Math.max(off,',
        'Math.abs(change) < Math.min(0,',
      ],
      'the error of one side': [
        'Math.max(off, before.perSecond * LEAST_CHANGE)',
        'before.perSecond * LEAST_CHANGE',
      ],
      'bytes, whatever the time': ['perSecond: bytes / seconds', 'perSecond: bytes'],
      'moved lines are new': [
        '(line) => line.path && [line.path, line.function, line.sources[0]],',
        '',
      ],
      'the least change first': [
        'Math.abs(b.change) - Math.abs(a.change)',
        'Math.abs(a.change) - Math.abs(b.change)',
      ],
    },
  },
  {
    file: 'tools/report/page.js',
    tests: [report('page')],
    mutants: {
      'a name may end the script': [".replaceAll('<', '\\\\u003c')", ''],
      'any script may run': ['hashOf(assets.script)', "'*'"],
      'all lines': ['const MOST_LINES = 500', 'const MOST_LINES = 5000'],
      'all stacks': ['const MOST_STACKS = 12', 'const MOST_STACKS = 1200'],
    },
  },
];
