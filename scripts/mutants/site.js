'use strict';

const sites = ['site/site.test.js'];
const holds = ['site/site.test.js'];
const same = ['site/same.test.js'];
const read = ['site/table-file.test.js'];
const tables = ['site/table.test.js'];
const judged = ['tools/recorder/judged.test.js'];
const bakes = ['tools/placement/bake.test.js'];
const named = ['tools/recorder/named.test.js'];

module.exports = [
  {
    file: 'site/routes.js',
    tests: sites,
    mutants: {
      'what is suggested is trusted': ["&& certainty !== 'proved' && !isTrusted", '&& false'],
      'slots of any size': ["strategy === 'slab' && size > MOST_SLOT", 'false'],
      'sizes that nobody recorded': ['if (size <= site.size) routes', 'routes'],
      'sizes are all as the site': ['of.get(size) ?? site', 'site'],
    },
  },
  {
    file: 'site/site.js',
    tests: sites,
    mutants: {
      'a hold of an arena is none': [
        'if (arena?.owns(buffer)) return',
        'if (false) return',
        { tests: holds },
      ],
      'what failed is held': ['    freeOnce(buffer);\n  }', '  }', { tests: same }],
    },
  },
  {
    file: 'site/buffer-like.js',
    tests: same,
    mutants: {
      'a limit is an error': ['if (!isOurs(error)) throw error;', 'throw error;'],
      'fills of nothing are read': ['size === 0 ? null : ', ''],
      'ArrayBuffers are copied': [
        'isBytes(value) ? this.#copied(value) : Buffer',
        'isBytes(value) || value instanceof ArrayBuffer ? this.#copied(Buffer.from(value)) : Buffer',
      ],
      'valueOf() of bytes is not read': [' && value.valueOf?.() === value', ''],
      'encodings of which the length is a guess': [
        'encoding === undefined || EXACT.has(encoding)',
        'true',
      ],
    },
  },
  {
    file: 'site/concat.js',
    tests: same,
    mutants: {
      'what an array says of its length is no matter': ['view.length !== length || ', ''],
      'detached arrays are empty': ['length > 0 || !isDetached(bufferOf.call(view))', 'true'],
      'what is empty is for Buffer': ['length > 0 || !isDetached', 'length > 0 && !isDetached'],
    },
  },
  {
    file: 'site/memory.js',
    tests: holds,
    mutants: {
      'the first hold frees': ['if (held.count === 1) {', 'if (true) {'],
      'what is held is freed': ['held === undefined || !owner.owns(buffer)', 'true'],
      'what is held is freed twice': [
        '  checkFreed(buffer, held.isFreed);\n  held.isFreed',
        '  held.isFreed',
      ],
      'what was freed is held': [
        '  checkFreed(buffer, held.isFreed);\n  held.count',
        '  held.count',
      ],
      'what nobody has is held': ['if (!owner.owns(buffer)) owner.free(buffer);', ''],
    },
  },
  {
    file: 'site/table.js',
    tests: tables,
    mutants: {
      'the variable comes before what was loaded': ['  isAsked = true;\n  loaded', '  loaded'],
      'sites that are there keep their routes': [
        'for (const site of sites.values()) apply(site);',
        '',
      ],
      'a wrong table is asked for once': [
        "    if (file !== '') loadTable(file);\n    isAsked = true;",
        "    isAsked = true;\n    if (file !== '') loadTable(file);",
      ],
    },
  },
  {
    file: 'site/table-file.js',
    tests: tables,
    mutants: {
      'tables of all applications': ['&& found !== expected', '&& false'],
      'files may be there twice': [
        'if (names.has(name)) throw invalidError',
        'if (false) throw invalidError',
        { tests: read },
      ],
      'places may have two strategies': [
        '(known.get(place) ?? decision) !== decision',
        'false',
        { tests: read },
      ],
      'certainties may differ': ['[strategy, certainty].join', '[strategy].join', { tests: read }],
    },
  },
  {
    file: 'tools/placement/bake/bake.js',
    tests: named,
    mutants: {
      'size classes with few samples are told': ["other.reason !== 'few-samples' && ", ''],
      'size classes are told that are as the whole': [
        ' && other.strategy !== decision.strategy',
        '',
      ],
    },
  },
  {
    file: 'tools/placement/bake/evidence.js',
    tests: named,
    mutants: {
      'the sizes of one size class are alike': ['alikeOf(whole.counts)', 'alikeOf(totals.counts)'],
    },
  },
  {
    file: 'tools/recorder/totals.js',
    tests: bakes,
    mutants: { 'what a request has is not read': [" [events.BEFORE]: 'before',", ''] },
  },
  {
    file: 'tools/recorder/samples.js',
    tests: judged,
    mutants: {
      'what a request had is that of the last sample': [
        'request.allocated.set(site, before + bytes)',
        'request.allocated.set(site, bytes)',
      ],
      'what a request had is that of all sites': [
        'request.allocated.get(site) ?? 0',
        'request.allocated.values().next().value ?? 0',
      ],
      'what nobody knows outlived its request': ['else if (heardBefore > first)', 'else'],
      'what was heard of the same collection tells': [
        '      this.#heardBefore = this.#heard;\n      this.#lastCollection = last;\n    }\n    this.#heard = heard;',
        '      this.#lastCollection = last;\n    }\n    this.#heard = heard;\n    this.#heardBefore = heard;',
      ],
      'the living outlive unheard': [
        'if (this.#heard <= this.#collections.firstSufficient(request.end, now, born)) continue;',
        '',
      ],
      'nothing was heard before the end': [
        'this.#dieAt(sample, now, this.#heard)',
        'this.#dieAt(sample, now, Number.NEGATIVE_INFINITY)',
      ],
    },
  },
  {
    file: 'tools/recorder/collections.js',
    tests: ['tools/recorder/sufficient.test.js'],
    mutants: {
      'the first that began to look is late': [
        'return start < to ? start',
        'return start <= to ? start',
      ],
      'what is promoted is found by minor ones': [
        'this.#minors.firstBetween(from, until)',
        'this.#minors.firstBetween(from, to)',
      ],
    },
  },
];
