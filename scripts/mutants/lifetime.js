'use strict';

const rules = ['tools/placement/rules.test.js'];
const bake = ['tools/placement/bake.test.js'];

module.exports = [
  {
    file: 'tools/placement/rules.js',
    tests: rules,
    mutants: {
      'what a request has several times is of it': [
        'if (repeats > MOST_REPEATS) return',
        'if (false) return',
      ],
      'few samples say something': ['samples >= LEAST_SAMPLES', 'samples >= 1'],
      'what moves may be placed': ['moved > MOST_MOVED * bytes', 'moved > bytes'],
      'what is of no request is of one': ['judged >= LEAST_JUDGED * bytes', 'judged > 0'],
      'one in a hundred may outlive its request': [
        'LEAST_WITH_REQUEST = 0.999',
        'LEAST_WITH_REQUEST = 0.99',
      ],
      'an exception is no matter': [' && outlivedSamples === 0', ''],
      'few samples prove': ['withRequestSamples >= PROOF_SAMPLES', 'withRequestSamples > 0'],
      'a leak has an end': ['ended < LEAST_ENDED * bytes', 'ended < 0'],
      'what is alive has no lifetime': ['LEAST_LONG * (ended + alive)', 'LEAST_LONG * ended'],
    },
  },
  {
    file: 'site/table-file.js',
    tests: ['site/table-file.test.js'],
    mutants: {
      'a newer table is read': ['table.version > VERSION', 'table.version < 1'],
      'what is unknown is no matter': ['if (unknown !== undefined)', 'if (unknown === 0)'],
      'a site may be of any file': ['if (!names.has(name))', 'if (false)'],
    },
  },
  {
    file: 'tools/placement/bake/bake.js',
    tests: bake,
    mutants: {
      'files that were changed are what ran': ['source.changed > started && !isUnchanged', 'false'],
      'nobody may say that files are unchanged': [' && !isUnchanged', ''],
      'few samples are in the table': ["decision.reason !== 'few-samples');\n\n", 'true);\n\n'],
      'a place has several sites': ['if (!places.has(place)) places', 'places'],
      'the least strict stands for all': ['rankOf(a) - rankOf(b)', 'rankOf(b) - rankOf(a)'],
      'what is written is no matter': ['isOther(a) - isOther(b) || ', ''],
    },
  },
  {
    file: 'auto/source/source-file.js',
    tests: bake,
    mutants: {
      'a name that is not called': ['CALLED.test(this.#text.slice(at + name.length))', 'true'],
      'a call of another method': ['if (source !== `Buffer.', 'if (false && source !== `Buffer.'],
      'a property is Buffer': ['(?<![\\w$.])Buffer', 'Buffer'],
      'the last of several lines': ['lines.has(print) ? MANY : i + 1', 'i + 1'],
      'a line alone': ['MOST_REACH = 3', 'MOST_REACH = 0'],
      'any file is read': ['!CODE.test(file) || ', ''],
    },
  },
];
