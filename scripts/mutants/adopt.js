'use strict';

const adopt = ['arena/adopt.test.js'];
const ties = ['arena/adopt-ties.test.js'];
const chunks = ['request/chunks.test.js'];
const room = ['arena/adopt-room.test.js'];

module.exports = [
  {
    file: 'memory/adopted-spans.js',
    tests: adopt,
    mutants: {
      'operations are not waited for': ['if (isClaimed(span, claims)) {', 'if (false) {'],
      'gc mode frees': ["policy.safety === 'gc' || (", 'false || ('],
      'no wipe': ['(wipe ? wipe', '(false ? wipe', { tests: room }],
      'what is stolen is freed': ['if (ab.byteLength > 0) this.#free', 'this.#free'],
      'it stays charged': ['    this.#budget.discharge(span.size);\n', ''],
      'it stays counted': ['    this.bytes -= span.size;\n', ''],
      'it is not marked': ['else ab[kHolder] = guard;', ''],
      'how it died is not told': ['if (guard !== undefined) guard.death = span.death;', ''],
      'what is dropped is not counted': ["if (ab.byteLength > 0) leave('dropped', size);", ''],
    },
  },
  {
    file: 'memory/foreign.js',
    tests: ties,
    mutants: {
      'what cannot be detached is wiped': [
        '  if (own === undefined) return',
        '  view(ab, 0, bytes, true);\n  if (own === undefined) return',
        { tests: room },
      ],
      'what cannot be marked is adopted': [' || !Object.isExtensible(ab)', ''],
      "WebAssembly's memory is adopted": [
        '  return isRead;',
        '  return true;',
        { equivalent: 'on Node 20, which does not get there; the others kill it' },
      ],
    },
  },
  {
    file: 'arena/adopt.js',
    tests: ties,
    mutants: {
      'what the arena has is copied': ["if (tie === 'ours' && !released", 'if (false'],
      'a copy is not counted': ['  counts.copied += bytes.length;\n', ''],
      'what a reset has left makes no room': [
        'span instanceof Refusal && window.releaseUnused()',
        'false',
        { tests: room },
      ],
      'the heap is charged twice': [
        'onHeap.get(buffer.buffer) === window',
        'false',
        { tests: chunks },
      ],
      'a request may have more': [
        'return size <= owner.room || owner.makeRoom(size);',
        'return true;',
        { tests: chunks },
      ],
      'the heap is not charged': [
        '  allocOnHeap(window, size, false, buffer);\n',
        '',
        { tests: chunks },
      ],
    },
  },
  {
    file: 'arena/listed.js',
    tests: chunks,
    mutants: {
      'all are adopted': ['length >= LEAST && ', ''],
      'what others have is adopted': [
        'const isTaken = isOurs && ',
        'const isTaken = ',
        { tests: ['request/body-captures.test.js'] },
      ],
      'a reset is not noticed': ['    this.#checkAlive();\n    const', '    const'],
      'what came stays after a failure': [
        '        giveBack(span, this.#epoch, window.owner);\n',
        '',
      ],
    },
  },
];
