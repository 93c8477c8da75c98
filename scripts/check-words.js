'use strict';

// Words that have no place in a tracked file: paths of one machine, work left for later, registry
// hosts, tests that are skipped or run alone. `--self-test` proves that each can be found.

const { runCheck } = require('./lib/check.js');
const { listFiles, readFile } = require('./lib/files.js');

const CODE = /\.(rs|js|cjs|mjs|ts|cts|mts)$/;
const BINARY = /\.(png|jpe?g|gif|ico|gz|tgz|zip|node|wasm)$/;

// Each pattern is written so that it does not match its own line.
const RULES = [
  {
    what: 'an absolute path of a machine',
    pattern: /(?<![\w.}~-])\/(?:work|farm|root|home|Users|tmp)\/|\b[A-Z]:\\+Users\b/g,
  },
  {
    what: 'left for later',
    pattern: /\b(?:TOD[O]|FIXM[E]|XX[X]|unimplemented[!]|todo[!])/g,
  },
  {
    what: 'the host of a registry',
    pattern: /\b(?:registry|index|static)\.(?:npmjs|yarnpkg|npmmirror|crates)\.(?:org|com|io)\b/g,
  },
  {
    what: 'a skipped or focused test',
    files: CODE,
    // Skips what this host cannot do, with a title that says so.
    except: '__test__/helpers/backend.js',
    pattern:
      /\b(?:test|it|describe)(?:\.serial)?[.](?:skip|only|todo|failing|failed)\b|\btest\.serial[.](?:skip|only)\b|#\[ignore\b/g,
  },
];

function linesOf(text) {
  return text.split('\n');
}

function findingsIn(file, text) {
  const applies = ({ files, except }) => (!files || files.test(file)) && file !== except;
  return RULES.filter(applies).flatMap((rule) =>
    linesOf(text).flatMap((line, index) =>
      [...line.matchAll(rule.pattern)].map((match) => ({
        file,
        line: index + 1,
        what: `${rule.what}: ${match[0]}`,
      })),
    ),
  );
}

function checkWords(root) {
  return listFiles(root)
    .filter((file) => !BINARY.test(file))
    .flatMap((file) => findingsIn(file, readFile(root, file)));
}

// Put together at run time, so that this file passes its own check.
const join = (...parts) => parts.join('');
const later = join('TO', 'DO');
const home = join('/ho', 'me/me/x');
const host = join('registry.', 'npmjs.org');

const CASES = [
  {
    name: 'words as they should be',
    files: {
      'a.js': ["test('a', (t) => t.pass());", "const dir = path.join(os.tmpdir(), 'work/main');"],
      'b.md': ['Use `match` to look for one failure; see docs/home/page and ~/.cargo/bin.'],
      'c.rs': ['#[test] fn ignored() {}'],
      '__test__/helpers/backend.js': [join('test.s', "kip('a', f);")],
    },
    wrong: [],
  },
  {
    name: 'words out of place',
    files: {
      'a.js': [
        join('test.s', "kip('a', f);"),
        join('test.serial.o', 'nly(f);'),
        `const x = '${home}';`,
        `// ${later}: b`,
      ],
      'b.md': [`See ${home}.`, `npm --registry https://${host}`],
      'c.rs': ['#[test]', join('#[', 'ignore]'), `// ${later}`, join('fn f() { to', 'do!() }')],
    },
    wrong: [
      'a.js:1',
      'a.js:2',
      'a.js:3',
      'a.js:4',
      'b.md:1',
      'b.md:2',
      'c.rs:2',
      'c.rs:3',
      'c.rs:4',
    ],
  },
];

runCheck(checkWords, CASES);
