'use strict';

module.exports = [
  {
    file: 'memory/native.js',
    tests: ['memory/backend.test.js'],
    mutants: {
      'Deno gets the binary': ['process.versions.deno !== undefined', 'false'],
      'a secret environment throws': [
        '  } catch {\n    return undefined;\n  }\n',
        '  } finally {\n  }\n',
      ],
      'a secret environment asks for the fallback': [
        '  } catch {\n    return undefined;\n  }\n',
        "  } catch {\n    return 'js';\n  }\n",
      ],
    },
  },
];
