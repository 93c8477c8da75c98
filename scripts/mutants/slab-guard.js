'use strict';

/** Of what happens only where an ArrayBuffer has transfer(). */
const hasTransfer = typeof ArrayBuffer.prototype.transfer === 'function';
const where = hasTransfer ? {} : { equivalent: 'this Node has no transfer()' };

const inFlight = { tests: ['slab/guard.test.js'] };
const guards = ['slab/guard.test.js'];

module.exports = [
  {
    file: 'slab/segments.js',
    tests: ['slab/close.test.js'],
    mutants: {
      'what close() detaches is still taken for visible': [
        'core.leased.detach(pool, index, transfers ? ab.transfer() : ab);',
        'if (transfers) ab.transfer();\n    else structuredClone(ab, { transfer: [ab] });',
        { tests: ['slab/views.test.js'] },
      ],
      'a close() that cannot detach throws': [
        'if (error instanceof RangeError) throw error; // the stack ends here',
        'throw error;',
        { tests: ['slab/magazine.test.js'] },
      ],
      'what Node-API made is not moved on': [
        'const shown = hasTransfer ? ab.transfer() : ab;',
        'const shown = ab;',
        where,
      ],
    },
  },
  {
    file: 'slab/operations.js',
    tests: guards,
    mutants: {
      'a free in flight takes the fast path': ['    pool.capacity = 0;\n', '', inFlight],
      'after operations every free takes the slow path': [
        'if (pool.operations === 0) pool.capacity = pool.limit;',
        '',
      ],
      'other operations do not hinder the fast path': [
        'if (pool.operations === 0) pool.capacity = pool.limit;',
        'pool.capacity = pool.limit;',
      ],
      'the first of several operations on a slot gives it back': [
        'if (operations.count > 0) return;',
        '',
      ],
      'an operation can end twice': ['if (operations.count === 0) return; // called twice', ''],
      'operations on one slot have each their end': [
        'first === last ? this.#bySlot.get(first) : undefined',
        'undefined',
      ],
      'a view of several slots holds the first': [
        '(start + bytes - 1) >>> sizeLog',
        'start >>> sizeLog',
        inFlight,
      ],
      'a view that ends with a slot holds the next': [
        '(start + bytes - 1) >>> sizeLog',
        '(start + bytes) >>> sizeLog',
      ],
      'a view of several slots holds all before its last': [
        'first <= slot && slot <= last) return true',
        'slot <= last) return true',
      ],
      'the end of a view of several slots gives none back': [
        'if (first <= slot && slot <= last) this.#takeBack',
        'if (false) this.#takeBack',
      ],
      'what other operations use is given back': [
        'if (buffer === undefined || this.covers(slot)) return;',
        'if (buffer === undefined) return;',
      ],
      'dead Buffers are held': ['this.death : deathOf(view)', 'this.death : undefined'],
      'a view of no bytes holds a slot': ['if (bytes === 0) return nothing;', ''],
      'the end comes after the callback': ['end.isFirst = true;', 'end.isFirst = false;', inFlight],
      'nothing is counted': ['    core.guarded.count(kind, bytes);\n', '', inFlight],
      'operations outlive close() with an ArrayBuffer': [
        'if (this.operations === 0) detachSegment(pool, this.#ab, this.#index);',
        '',
      ],
      'the first end after close() detaches': [
        'if (this.operations === 0) detachSegment',
        'detachSegment',
      ],
      'the memory of a closed slab stays after its last operation': [
        '      pool.core.leave();\n',
        '',
      ],
      'nobody asks what was forgotten': ['    if (!this.watched) idle.watch(this);\n', ''],
      'what one forgot is for the next to end': [
        'if (operations.end.deref() !== undefined) return operations;',
        'return operations;',
      ],
      'the timer forgets views of several slots': [
        'if (wide.first <= slot && slot <= wide.last) watchOrphans(wide);',
        '',
      ],
      'what was cut off waits for ever': ['pool.core.over = operations; // no call until here', ''],
    },
  },
  {
    file: 'memory/orphaned-operations.js',
    tests: guards,
    mutants: {
      'what nobody can end is never over': [
        '  orphans.register(operations.end.deref() ?? {}, operations);\n',
        '',
      ],
    },
  },
];
