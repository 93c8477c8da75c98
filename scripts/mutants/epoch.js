'use strict';

const holds = ['hold', 'hold-promise', 'hold-time'].map((noun) => `arena/${noun}.test.js`);

module.exports = [
  {
    file: 'arena/hold.js',
    tests: holds,
    mutants: { 'a hold is released twice': ['      hold.#epoch = null;\n', ''] },
  },
  {
    file: 'arena/epoch.js',
    tests: holds,
    mutants: {
      'holds last twice as long': [
        '#expire(timer), this.#owner.settings.holdMs)',
        '#expire(timer), 2 * this.#owner.settings.holdMs)',
      ],
      'each span begins the time anew': [
        '    if (this.#timer !== null) return;\n    const timer',
        '    time.clearTimeout(this.#timer);\n    const timer',
      ],
      'later holds expire too': [
        '    this.#expiring = 0;\n    this.#settles = EXPIRED;',
        '    this.#expiring = 0;\n    this.#open = 0;\n    this.#settles = EXPIRED;',
      ],
      'holds expire without their time': ['    this.#expiring = this.#open;\n', ''],
      'holds are counted twice when memory waits': [
        '    this.#open = 0;\n    this.#term++;',
        '    this.#term++;',
      ],
      'expired holds are not counted': [
        '    this.#pool.parked.expired.holds += this.#expiring;\n',
        '',
      ],
      'released holds are warned of': ['if (this.#expiring > 0) this', 'this'],
      'expiry is not warned of': [
        "warnOnce('RALLOC_HOLD_EXPIRED', { of: owner.describe(), seconds });",
        '',
      ],
      'expired memory is used again': [
        'if (expired) pool.quarantine(span, this.#owner.settings.wipe);\n      else pool',
        'pool',
      ],
      'released memory is not used again': [
        'else pool.release(span, this.#owner.settings);',
        'else pool.quarantine(span);',
      ],
      'a term is as the one before': ['    this.#term++;\n', ''],
      'holds from before an expiry count': [
        ' && this.#expiring > 0',
        '',
        { tests: ['arena/hold.test.js'] },
      ],
      'holds of any term count': [
        'term === this.#term - 1 && this.#expiring > 0',
        'this.#expiring > 0',
      ],
      'expired holds stay open': ['    this.#expiring = 0;\n    this.#settle', '    this.#settle'],
      'expiry leaves the scopes held': ['if (expired) epoch.#expireWith();', 'if (expired);'],
      'a release leaves the scopes held': ['else releaseHold(hold);', ''],
      'scopes that ended are settled twice': [
        '    this.#inner = null;\n',
        '',
        { equivalent: 'a hold is released once, and what expired has nothing left' },
      ],
      'spans are settled twice': [
        '    this.#heldSpans = null;\n',
        '',
        { equivalent: 'the list is empty by then' },
      ],
      'the timer keeps the process': [
        '    timer.unref?.();\n',
        '',
        { tests: ['arena/hold.test.js'] },
      ],
      'the first release counts': [
        'if (this.#timer === null || this.#open + this.#expiring > 0) return;',
        'if (this.#timer === null) return;',
      ],
      'the last release is not seen': ['    this.#settles = REUSED;\n    pool.pending++;\n', ''],
      'a promise is held for without a hold': [
        '    const hold = this.holdFor();\n',
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
      'memory is not held': ['else if (held) this.#hold(span);', ''],
      'holds keep what is not clean': [
        'finished && this.holds > 0',
        'this.holds > 0',
        { equivalent: 'what is not clean goes into quarantine before holds are asked for' },
      ],
      'unfinished memory is used again': [
        'if (!finished) pool.quarantine(span, owner.settings.wipe);\n      else if',
        'if',
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
      'holds that may expire do not count': [
        'return this.#open + this.#expiring',
        'return this.#open',
      ],
      'a hold on memory that waits is not counted': [
        '    if (this.#holders !== null) this.#holders.holds++;\n',
        '',
        { tests: ['memory/audit.test.js'] },
      ],
      'a released hold stays counted': [
        'this.#holders.holds -= before - this.#open - this.#expiring;',
        '{}',
        { tests: ['memory/audit.test.js'] },
      ],
      'holds that memory begins to wait for are not counted': [
        '    this.#holders.holds += this.#open + this.#expiring;\n',
        '',
        { tests: ['memory/audit.test.js'] },
      ],
      'holds are counted for each span': [
        'if (this.#holders !== null || !span.held) return;',
        'if (!span.held) return;',
        { tests: ['memory/audit.test.js'] },
      ],
      'holds of adopted memory are counted': [
        'if (this.#holders !== null || !span.held) return;',
        'if (this.#holders !== null) return;',
        { tests: ['memory/audit.test.js'] },
      ],
      'expired holds stay counted': [
        '    if (this.#holders !== null) this.#holders.holds -= this.#expiring;\n',
        '',
        { tests: ['memory/audit.test.js'] },
      ],
      'holds that memory does not wait for any more stay counted': [
        '    if (this.#holders !== null) this.#holders.holds -= this.#open + this.#expiring;\n',
        '',
        { tests: ['memory/audit.test.js'] },
      ],
      'a wait that is over goes on counting': [
        '    this.#holders = null;\n',
        '',
        { tests: ['memory/audit.test.js'] },
      ],
      'later holds do not count': ['return this.#open + this.#expiring', 'return this.#expiring'],
    },
  },
];
