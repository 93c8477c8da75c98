'use strict';

const input = ['slab/named-input.test.js'];
const ends = ['slab/named.test.js'];
const placement = ['slab/placement.test.js'];

module.exports = [
  {
    file: 'slab/shared.js',
    tests: input,
    mutants: {
      'names need no slash': ["name[0] !== '/' || ", ''],
      'names may have more slashes': ['/[/\\0]/', '/[\\0]/'],
      'names may have a null byte': ['/[/\\0]/', '/[/]/'],
      'the folder is a name': ["&& rest !== '.' ", ''],
      'names are measured in characters': ['Buffer.byteLength(name)', 'name.length'],
      'names may have half a character': ['!isUnicode || ', ''],
      'what is not there is unlinked': [
        "if (error.errnoCode === 'ENOENT') return false;",
        '',
        { tests: ['slab/named.test.js'] },
      ],
      'those who are recovered by the way are not told of': [
        'if (core.settings.between) tell(core, core.leased.takeRecovered());',
        '',
        { tests: ends },
      ],
      'those whom recover() finds are not told of': [
        '  tell(core, recovered);\n',
        '',
        { tests: ends },
      ],
      'a process that ends leaves its slots to be recovered': [
        'ref.deref()?.closeAtExit()',
        'ref.deref()',
        { tests: ends },
      ],
      'what was recovered by the way is lost to recover()': [
        "...core.call('takeRecovered'), ",
        '',
        { tests: ends },
      ],
      'a slab is created without the memory that it asks for': [
        'transitMs, timeoutMs, memory),',
        'transitMs, timeoutMs),',
        { tests: placement },
      ],
      'a slab is opened without the memory that is asked for': [
        'leased.openName(from, timeoutMs, memory)',
        'leased.openName(from, timeoutMs)',
        { tests: placement },
      ],
    },
  },
  {
    file: 'slab/options.js',
    tests: input,
    mutants: {
      'more slots than tokens can name are shared': [
        'if (slots > MAX_SHARED_SLOTS) {\n    throw',
        'if (false) {\n    throw',
      ],
      'who opens a slab chooses its node': [
        'memory: mappingOptions,',
        'memory: memoryOptions,',
        { tests: placement },
      ],
    },
  },
  {
    file: 'slab/shared.js',
    tests: input,
    mutants: {
      'a lack of room does not tell how much is free': ['free: limit,', ''],
      'magic numbers are rounded': [
        '        field,\n        found: exact?.[0] ?? used,',
        '        field,\n        found: used,',
      ],
      'a descriptor that is none is an error of the system': [" || code === 'EBADF'", ''],
      'the field that differs is not told': ['        field,\n', ''],
      'what the system refuses has no remedy': [
        'systemError(failure, of, requested, asked);',
        'systemError(failure, of, requested);',
        { tests: placement },
      ],
    },
  },
  {
    file: 'slab/placement.js',
    tests: placement,
    mutants: {
      'cached slots count as Buffers': ['usedError(method, core.held)', 'usedError(method, 64)'],
      'a slab whose Buffers were all freed was not used': [
        'claimed > 0 || peak > 0',
        'claimed < 0',
      ],
      'a closed slab is bound': ['  core.checkLive();\n', ''],
      'a refusal is taken for success': ['if (failure === null) {', 'if (failure !== undefined) {'],
      'what cannot be locked later has no remedy': [
        'core.settings.memory = { ...core.settings.memory, ...asked };',
        '',
      ],
    },
  },
];
