'use strict';

const inFlight = { tests: ['region/guard.test.js'] };
const spans = ['region/spans.test.js'];

module.exports = [
  {
    file: 'region/spans.js',
    tests: spans,
    mutants: {
      'what is free before a block is not joined with it': [
        'const joinsBefore = before >= 0 && (table[before + MARK] & FREE) !== 0;',
        'const joinsBefore = false;',
      ],
      'what is free after a block is not joined with it': [
        'const joinsAfter = after >= 0 && (table[after + MARK] & FREE) !== 0;',
        'const joinsAfter = false;',
      ],
      'a span that shrinks stays in its bin': ['if (bin !== binOf(left + size)) {', 'if (false) {'],
      'a span that grows stays in its bin': [
        'if (!joinsBefore || binOf(was) !== bin) {',
        'if (!joinsBefore) {',
      ],
      'what was cut off loses records': ['      unused = id;\n', ''],
      'lost blocks count as held': [
        '        this.held--;\n        this.heldGranules',
        '        this.heldGranules',
      ],
    },
  },
  {
    file: 'region/bins.js',
    tests: spans,
    mutants: {
      'a search looks at the first alone': ['i < most && id >= 0', 'i < 1 && id >= 0'],
      'an empty bin keeps its bit': ['columns[row] &= ~(1 << (bin & 31));', ''],
    },
  },
  {
    file: 'region/buffer.js',
    tests: ['region/free.test.js'],
    mutants: {
      'a Buffer of another region is freed': ['      buffer.#core !== core ||\n', ''],
      'a second free is ignored': [
        'if (!alive(state)) throw freedAgain(buffer, errors.wasFreed());',
        'if (!alive(state)) return;',
      ],
      'what was transferred away is freed': [
        '      buffer.length === 0 || // its memory was transferred away\n',
        '',
      ],
      'what was transferred away is owned': [' && !isLost(core, value);', ';'],
      'bytes that operations use are free at once': [
        'id !== NO_BLOCK && core.wait(id, buffer)',
        'false',
        inFlight,
      ],
      'alloc() leaves what was there': [
        'if (zero) fill.call(buffer, 0);',
        '',
        { tests: ['region/region.test.js'] },
      ],
    },
  },
  {
    file: 'region/chunks.js',
    tests: ['region/region.test.js'],
    mutants: {
      'records do not count': [
        'let failure = this.budget.charge(bytes)',
        'let failure = this.budget.charge(0)',
      ],
      'at the limit free chunks stay': [
        "return chunk.kind === 'limit' && this.makeRoom(size) ? this.#lease(size, size) : chunk;",
        'return chunk;',
      ],
      'what was transferred away is given out': [
        'if (span.ab === null || span.ab.byteLength > 0) return false;',
        'return false;',
        { tests: ['region/free.test.js'] },
      ],
    },
  },
  {
    file: 'region/collector.js',
    tests: ['region/spans.test.js'],
    mutants: {
      'it collects in a burst': ['if (!this.#quiet.look()) return;', ''],
      'records stay': ['    chunks.dropRecords();\n', '', { tests: ['region/region.test.js'] }],
    },
  },
  {
    file: 'region/auto-free.js',
    tests: ['region/auto-free.test.js'],
    mutants: {
      'what was freed is freed again': ['if (token.isHeld) token', 'token'],
      'at the limit nobody asks V8': ['if (requestMajor(this.#helped)) this.#helped = false;', ''],
      'views do not keep their Buffer': ['    this.#whole = whole;\n', ''],
    },
  },
  {
    file: 'region/options.js',
    tests: ['region/free.test.js'],
    mutants: {
      'what can never fit is tried': [
        'return size + records <= chunks.budget.limit;',
        'return true;',
      ],
    },
  },
  {
    file: 'region/chunks.js',
    tests: ['region/free.test.js'],
    mutants: {
      'chunks go back in vain': [
        'if (isOurs(chunk) && !isFree(table, chunk)) bytes -= chunk.span.size;',
        '',
      ],
      'the ends of chunks are in no sum': [
        'bytes + chunk.span.size - chunk.size',
        'bytes',
        { tests: ['region/region.test.js'] },
      ],
    },
  },
  {
    file: 'region/core.js',
    tests: ['region/free.test.js'],
    mutants: {
      'what was transferred away hinders the close': [
        'if (this.isLive) this.chunks.checkAll();',
        '',
      ],
    },
  },
  {
    file: 'region/options.js',
    tests: ['region/auto-free.test.js'],
    mutants: {
      'autoFree knows nothing of operations': [
        'const guard = settings.guard ?? settings.autoFree;',
        'const guard = settings.guard ?? false;',
      ],
    },
  },
  {
    file: 'region/claims.js',
    tests: ['region/guard.test.js'],
    mutants: {
      'an operation on a freed Buffer is let through': [
        'this.death : deathOf(view)',
        'this.death : undefined',
      ],
      'a free of a block in flight takes the fast path': ['    this.#core.isSlow = true;\n', ''],
      'operations outlive the close without their memory': ['    this.#core.leave();\n', ''],
    },
  },
];
