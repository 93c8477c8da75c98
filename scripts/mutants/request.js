'use strict';

module.exports = [
  {
    file: 'request/chunk-size.js',
    tests: ['request/chunk-size.test.js'],
    mutants: {
      'never adapts': ['      this.bytes = target;\n', ''],
      'adapts at once': ['PATIENCE = 64', 'PATIENCE = 1'],
      'adapts after 63': ['PATIENCE = 64', 'PATIENCE = 63'],
      'the count does not begin anew': ['      this.#agreed = 1;\n', '      this.#agreed++;\n'],
      'agreement with what is does not count': [
        '    if (target === this.bytes) {\n      this.#agreed = 0;\n',
        '    if (target === this.bytes) {\n',
        { equivalent: 'another target begins its count at 1, whatever it was' },
      ],
      'empty requests count': ['if (bytes === 0) return;', ''],
      'the median decides': ['step * 9', 'step'],
      'it never shrinks': [': -step;', ': 0;'],
      'a request larger by far moves it there': [
        'Math.min(step * 9, bytes - this.#estimate)',
        'bytes - this.#estimate',
      ],
      'a crowd is forgotten at once': ['Math.max(inFlight, this', 'Math.min(inFlight, this'],
      'a crowd is remembered for ever': ['- this.#inFlight / 256', '- 0'],
      'no least size': ['Math.max(this.#estimate, MIN), MAX', 'Math.max(this.#estimate, 2), MAX'],
      'no largest size': [', MIN), MAX)', ', MIN), 2 ** 30)'],
      'transfers count everywhere': ['if (!countsTransfers || fits', 'if (fits'],
      'a crowd changes nothing': ['fits * this.#inFlight <= COUNTED_BYTES / 4', 'true'],
      'any crowd is too many': ['fits * this.#inFlight <= COUNTED_BYTES / 4', 'false'],
      'a crowd shares all': ['COUNTED_BYTES / 2 / this', 'COUNTED_BYTES * 2 / this'],
      'no largest size in a crowd': ['share, COUNTED_MAX)', 'share)'],
      'no least size in a crowd': ['COUNTED_MAX), MIN)', 'COUNTED_MAX), 0)'],
      'chunks double everywhere': ['return countsTransfers ? this.bytes :', 'return'],
      'chunks double nowhere': [
        'return countsTransfers ? this.bytes :',
        'return true ? this.bytes :',
      ],
      'keeps any amount': ['leasedBytes > COUNTED_BYTES', 'false'],
      'keeps one byte too many': ['leasedBytes > COUNTED_BYTES', 'leasedBytes > COUNTED_BYTES + 1'],
      'keeps small ones': ['size >= this.bytes / 2 && ', ''],
      'keeps large ones': [' && size <= this.bytes * 4', ''],
      'keeps only its size': ['size <= this.bytes * 4', 'size <= this.bytes'],
    },
  },
  {
    file: 'request/options.js',
    tests: ['request/options.test.js'],
    mutants: {
      'the memory of the machine alone': [
        'Math.min(process.constrainedMemory?.() || Infinity, os.totalmem())',
        'os.totalmem()',
      ],
      'a constraint above the machine': [
        'Math.min(process.constrainedMemory?.() || Infinity, os.totalmem())',
        'process.constrainedMemory?.() || os.totalmem()',
      ],
      'a machine that is secret throws': [
        '  } catch {\n    return Infinity;\n  }\n',
        '  } finally {\n  }\n',
      ],
      'a quarter of the memory': ['/ 8), 16', '/ 4), 16'],
      'no least default': [' / 8), 16 * MiB)', ' / 8), 0)'],
      'no largest default': ['Math.min(256 * MiB, eighth)', 'eighth'],
      'a request may have more than all': [
        'maxBytesPerRequest === undefined || maxBytesPerRequest <= maxBytes',
        'true',
      ],
      'the default of a request is above that of all': ['Math.min(16 * MiB, maxBytes)', '16 * MiB'],
      'half may be in quarantine': [
        'maxQuarantineBytes: Math.floor(maxBytes / 4)',
        'maxQuarantineBytes: Math.floor(maxBytes / 2)',
      ],
      'no least limit': ['value, name, 4096', 'value, name, 1'],
    },
  },
];
