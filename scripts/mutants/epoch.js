'use strict';

const holds = ['hold', 'hold-promise', 'hold-time'].map((noun) => `arena/${noun}.test.js`);

module.exports = [
  {
    file: 'arena/epoch.js',
    tests: holds,
    mutants: {
      'a hold is released twice': ['    this.#holds = null;\n    holds.settle', '    holds.settle'],
      'holds expire without their time': ['      this.#expiring = this.#open;\n', ''],
      'holds are counted twice when memory waits': [
        '      this.#open = 0;\n      this.#term++;',
        '      this.#term++;',
      ],
      'a term is as the one before': ['      this.#term++;\n', ''],
      'expired holds are not counted': ['    return count;\n', '    return 0;\n'],
      'expiry is not warned of': [
        "    warnOnce('RALLOC_HOLD_EXPIRED', { of: owner.describe(), seconds });\n",
        '',
      ],
      'holds from before an expiry count': [
        ' && this.#expiring > 0',
        '',
        { tests: ['arena/hold.test.js'] },
      ],
      'holds of any term count': [
        'term === this.#term - 1 && this.#expiring > 0',
        'this.#expiring > 0',
      ],
      'expired holds stay open': ['    this.#expiring = 0;\n    if', '    if'],
      'later holds expire too': [
        '    this.#expiring = 0;\n    if',
        '    this.#expiring = 0;\n    this.#open = 0;\n    if',
      ],
      'the first release counts': [
        'spans === null || this.#open + this.#expiring > 0',
        'spans === null',
      ],
      'the last release is not seen': ['    this.#pool.waiting.settle(spans);\n', ''],
      'a promise is held for without a hold': [
        '    const hold = this.takeFor();\n',
        '    const hold = { release() {} };\n',
      ],
      'then of a thenable is called again': [
        'then === promiseThen && types.isPromise(promise)',
        'true',
      ],
      'every then runs under a promise of its own': [
        'then === promiseThen && types.isPromise(promise)',
        'false',
      ],
      'a then of its own is passed by': [
        'then === promiseThen && types.isPromise(promise)',
        'types.isPromise(promise)',
      ],
      'what looks like a promise is one': [
        'then === promiseThen && types.isPromise(promise)',
        'then === promiseThen',
      ],
      'a fulfilled promise holds for ever': [
        '      hold.release();\n      return value;',
        '      return value;',
      ],
      'a rejected promise holds for ever': [
        '      hold.release();\n      throw reason;',
        '      throw reason;',
      ],
      'the value is lost': ['      return value;\n', ''],
      'the rejection is lost': ['      throw reason;\n', ''],
      'a subclass that throws holds for ever': [
        '      hold.release(); // the constructor of a subclass threw\n',
        '',
      ],
      'holds that may expire do not count': [
        'return this.#open + this.#expiring',
        'return this.#open',
      ],
      'later holds do not count': ['return this.#open + this.#expiring', 'return this.#expiring'],
      'a hold on memory that waits is not counted': [
        '    if (this.#isCounted) this.#pool.holders.holds++;\n',
        '',
        { tests: ['memory/audit.test.js'] },
      ],
      'a released hold stays counted': [
        'pool.holders.holds -= before - this.#open - this.#expiring;',
        '{}',
        { tests: ['memory/audit.test.js'] },
      ],
      'holds that memory begins to wait for are not counted': [
        '    this.#pool.holders.holds += this.#open + this.#expiring;\n',
        '',
        { tests: ['memory/audit.test.js'] },
      ],
      'holds are counted for each span': [
        'if (this.#isCounted || span.adopted !== null) return;',
        'if (span.adopted !== null) return;',
        { tests: ['memory/audit.test.js'] },
      ],
      'holds of adopted memory are counted': [
        'if (this.#isCounted || span.adopted !== null) return;',
        'if (this.#isCounted) return;',
        { tests: ['memory/audit.test.js'] },
      ],
      'expired holds stay counted': [
        '    if (this.#isCounted) this.#pool.holders.holds -= count + this.#open;\n',
        '',
        { tests: ['memory/audit.test.js'] },
      ],
      'a wait that is over goes on counting': [
        '    this.#isCounted = false;\n    this.#pool.waiting',
        '    this.#pool.waiting',
        { tests: ['memory/audit.test.js'] },
      ],
    },
  },
  {
    file: 'arena/epoch.js',
    tests: holds,
    mutants: {
      'holds do not claim what their epoch gives up': [
        'if (outer === null) return [this.#holds];',
        'if (outer === null) return null;',
      ],
      'holds of an arena do not claim what its scopes have': [
        'if (this.holds === 0) return outer;',
        'if (this.holds === 0) return null;',
      ],
      'nor what its scopes gave up before': ['    this.#holds.share(outer);\n', ''],
      'nor beside holds of the scope': ['[this.#holds, ...outer]', '[this.#holds]'],
      'unfinished memory is used again': [
        'if (!finished) pool.quarantine(span, owner.settings.wipe);\n      else pool',
        'pool',
        { tests: ['request/response.test.js'] },
      ],
      'windows of more than the room': [
        'Math.min(want, owner.room)',
        'want',
        { tests: ['request/room.test.js'] },
      ],
      'the room is not charged': [
        'owner.charge(need, want, span.size)',
        'Math.min(span.size, room)',
        { tests: ['request/bounds.test.js'] },
      ],
      'the room does not come back': [
        '      owner.discharge(span.end);\n',
        '',
        { tests: ['request/bounds.test.js'] },
      ],
      'an epoch with checkpoints begins in place': [
        'this.checkpoints === null && this.holds === 0',
        'this.holds === 0',
        { tests: ['arena/checkpoint.test.js'] },
      ],
      'an epoch with holds begins in place': [
        'this.checkpoints === null && this.holds === 0',
        'this.checkpoints === null',
      ],
    },
  },
];
