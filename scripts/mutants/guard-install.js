'use strict';

const tests = ['node/guard/install.test.js'];

module.exports = [
  {
    file: 'base/environment.js',
    tests,
    mutants: {
      'any word will do': [
        "if (!['', 'on', 'off'].includes(value)) throw rangeError(name, \"'on' or 'off'\", value);",
        '',
      ],
    },
  },
  {
    file: 'node/guard/install.js',
    tests,
    mutants: {
      'what is not wanted is done': [
        "if (!wanted || isOff('RALLOC_GUARD'))",
        "if (isOff('RALLOC_GUARD'))",
      ],
      'off is on': ["if (!wanted || isOff('RALLOC_GUARD'))", 'if (!wanted)'],
      'another copy wraps what is wrapped': [
        'installed.has(key) || stream[key] === true',
        'installed.has(key)',
        { tests: ['node/guard/beside.test.js'] },
      ],
      'a frozen stream is wrapped again': [
        'installed.has(key) || stream[key] === true',
        'stream[key] === true',
        { equivalent: 'what is wrapped is not wrapped again: it takes time alone' },
      ],
      'other copies are not told': [
        'Reflect.defineProperty(stream, key, { value: true });',
        '',
        { tests: ['node/guard/beside.test.js'] },
      ],
      'a frozen stream throws': [
        'Reflect.defineProperty(stream, key',
        'Object.defineProperty(stream, key',
      ],
      'what came late is not told': ['if (wasLoaded || isForeign) late++;', ''],
      'what is loaded waits for the first memory': [
        'for (const one of later) if (isLoaded(one)) wrapLater(one, true);\n  } catch',
        '} catch',
      ],
      'what is not loaded does not wait': [
        'if (isLoaded(one)) wrapLater(one, true);\n  } catch',
        'wrapLater(one, true);\n  } catch',
      ],
      'loads are looked for once': ['(count === modules && count > 0)', 'modules > 0'],
      'named imports stay as they were': ['  syncBuiltinESMExports();\n', ''],
      'nobody hears of what is not wrapped': ['if (missing.length > 0)\n', 'if (false)\n'],
    },
  },
  {
    file: 'base/wrap.js',
    tests,
    mutants: {
      'what is refused has no name': ['  refused.push(name);\n', ''],
      'what is refused is named again': ['  refused = [];\n', ''],
      'own properties are lost': [
        'for (const key of Reflect.ownKeys(original)) {',
        'for (const key of []) {',
        { tests: ['node/guard/install.test.js'] },
      ],
      'symbols are lost': [
        'Reflect.ownKeys(original)',
        'Object.getOwnPropertyNames(original)',
        { tests: ['node/guard/install.test.js'] },
      ],
      'the property becomes another': [
        '{ ...descriptor, [part]: wrapper }',
        '{ configurable: true, [part]: wrapper }',
        { equivalent: 'attributes that are not given stay as they are' },
      ],
      'what cannot be replaced throws': [
        'Reflect.defineProperty(object, name',
        'Object.defineProperty(object, name',
        { equivalent: 'it is caught' },
      ],
    },
  },
  {
    file: 'node/guard/operation.js',
    tests: ['node/guard/web-streams.test.js', 'node/guard/sockets.test.js'],
    mutants: {
      'a DataView is copied as bytes': ["'DataView'", "'Uint8Array'"],
      'what nobody hears ends the process': [
        " && stream.listenerCount('error') > 0",
        '',
        { tests: ['node/guard/dead.test.js'] },
      ],
      'what was copied stays held': ['byteLength);\n  end();', 'byteLength);'],
    },
  },
  {
    file: 'node/guard/operation.js',
    tests: ['node/guard/bad-input.test.js'],
    mutants: {
      'a callback that throws holds on': [
        'try {\n      return Reflect.apply(callback, this, results);\n    } finally {\n      end();\n    }',
        'const result = Reflect.apply(callback, this, results);\n    end();\n    return result;',
      ],
    },
  },
];
