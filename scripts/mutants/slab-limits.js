'use strict';

module.exports = [
  {
    file: 'slab/pool.js',
    tests: ['slab/growth.test.js'],
    mutants: {
      'an exhausted slab never names maxBytes': [
        'fitting.some(isBound) ?',
        'false ?',
        { tests: ['slab/options.test.js'] },
      ],
      'an exhausted slab looks at its first pool alone': [
        'const option = fitting.some(isBound)',
        'const option = isBound(first)',
        { tests: ['slab/options.test.js'] },
      ],
      'what maxBytes leaves of maxCount is named as maxCount': [
        'leased.slotCount(index) < settings.pools[index].asked',
        'leased.slotCount(index) < pools[index].maxCount',
        { tests: ['slab/options.test.js'] },
      ],
      'caches keep segments when maxBytes is met': [
        '  for (const each of core.pools) each.flush(each.top);',
        '',
      ],
      'an overload empties the caches at every call': [
        'if (!isEmpty && isSame && ++full.tries % TRIES !== 0) return false;',
        '',
      ],
      'caches are emptied once': [' && ++full.tries % TRIES !== 0', ''],
      'a burst after the last time is not seen': [
        'Math.max(core.full.held, core.held)',
        'core.full.held',
      ],
      'caches are given up at maxCount': [
        'if (core.leased.slotCount(pool.index) === pool.maxCount) return false;',
        '',
      ],
      'slots that came since the last time are not seen': ['bytes === full.bytes && ', ''],
    },
  },
  {
    file: 'memory/slab-layout.js',
    tests: ['slab/options.test.js'],
    mutants: {
      'records are not charged': ['slots * size + recordBytes(slots)', 'slots * size'],
      'one slot more than fits': [
        'charge(size, middle) <= charged',
        'charge(size, middle - 1) <= charged',
      ],
      'one slot fewer than fits': [
        'charge(size, middle) <= charged',
        'charge(size, middle) < charged',
      ],
      'a pool that can never have a slot is made': [
        "return Math.max(sum('count'), ...empty.map(({ size }) => kept + charge(size, 1)));",
        "return sum('count');",
      ],
      'the slots from the start need not fit': [
        "Math.max(sum('count'), ...empty",
        'Math.max(kept, ...empty',
        { env: { RALLOC_BACKEND: 'js' } },
      ],
    },
  },
  {
    file: 'slab/options.js',
    tests: ['slab/options.test.js'],
    mutants: {
      'maxBytes does not bound the slots from the start': [
        '  if (bytes <= maxBytes) return;',
        '  return;',
      ],
      'maxCount reserves addresses beyond maxBytes': [
        'slotsWithin(pool.size, 0, pool.maxCount, settings.maxBytes)',
        'pool.maxCount',
        { tests: ['slab/options.test.js'] },
      ],
      'pools without a slot need no maxCount': [
        'options.maxCount === undefined && count.includes(0)',
        'false',
      ],
      'minCount is 0 unless given': [
        "perPool(options, 'minCount', count)",
        "perPool(options, 'minCount', 0)",
      ],
    },
  },
];
