'use strict';

// Words that have no place in a tracked file, by the line; and the tier that each test file says.

const { INTERNALS } = require('../../lib/base/internals.js');
const { listFiles, readFile } = require('../lib/files.js');
const { tierOf } = require('../lib/tiers.js');

const BINARY = /\.(?:png|jpe?g|gif|ico|gz|tgz|zip|node|wasm)$/;
const LIBRARY = /^(?:lib|tools\/(?!cli\/|report\/page\/))/;

/** Names that Node has in public too, or that are usual words. */
const PUBLIC = ['onread', 'binding'];
const names = Object.values(INTERNALS)
  .flatMap((part) => Object.values({ ...part.names, ...part.later }))
  .filter((name) => !PUBLIC.includes(name));
/** Those, and any `._name` but those of streams that are public, and body-parser's. */
const PRIVATE = new RegExp(
  `(?<!\\.)\\._(?!(?:read|writev?|destroy|transform|body)\\b)[a-z]|(?<!\\w|function )(?:${names.join('|')})\\b|\\bprocess\\.binding\\b`,
);

// Each pattern is written so that it does not match its own line.
const RULES = [
  {
    what: 'an absolute path of a machine',
    pattern: /(?<![\w.}~-])\/(?:work|farm|root|home|Users|tmp)\/|\b[A-Z]:\\+Users\b/,
  },
  {
    what: 'left for later',
    pattern: /\b(?:TOD[O]|FIXM[E]|XX[X]|unimplemented[!]|todo[!])/,
  },
  {
    what: 'the host of a registry',
    pattern: /\b(?:registry|index|static)\.(?:npmjs|yarnpkg|npmmirror|crates)\.(?:org|com|io)\b/,
  },
  {
    what: 'a skipped or focused test',
    files: /\.(?:rs|[cm]?[jt]s)$/,
    except: /^__test__\/helpers\/backend\.js$/, // skips what this host cannot do, with a title that says so
    pattern:
      /\b(?:test|it|describe)(?:\.serial)?[.](?:skip|only|todo|failing|failed)\b|#\[ignore\b/,
  },
  {
    what: 'a timer: wait by helpers/until.js or clock.js, or in a fixture say `// timer: why`',
    files: /^__test__\/.*\.m?js$/,
    except: /^__test__\/helpers\/(?:until|clock)\.js$/,
    pattern:
      /(?<![.\w'])(?:setTimeout|setInterval)\(|\b(?:setTimeout|setInterval)\b.*require\('(?:node:)?timers|\bAtomics\.wait\((?:[^,]*,){3}/,
    unless: (line, file) => file.startsWith('__test__/fixtures/') && /\/\/ timer: \S/.test(line),
  },
  {
    what: 'prints, which only tools/cli does',
    files: LIBRARY,
    pattern: /\bconsole\.|\bprocess\.(?:stdout|stderr)\b|\b_rawDebug\b/,
    unless: isComment,
  },
  {
    what: 'loads what no check can follow: only lib/memory/native.js does',
    files: /^(?:lib|tools)\/.*\.js$/,
    except: /^lib\/(?:memory\/native|base\/lazy)\.js$/,
    pattern:
      /\b(?:require|import)\((?!['"])|(?:[=,(]|\bdelete)\s*require\b(?![(\\]|\.resolve\()|\bcreateRequire\b|\bdlopen\b/,
    unless: isComment,
  },
  {
    what: 'loads tools/ at once: write `lazy(() => require(…))`',
    files: /^lib\//,
    pattern: /^(?!.*\blazy\().*\brequire\('(?:\.\.\/)+tools\//,
  },
  {
    what: 'a private part of Node: only lib/base/internals.js names one',
    files: /^lib\/.*\.js$/,
    except: /^lib\/(?:base\/internals|auto\/known-parsers)\.js$|\/dist\//, // the second is of packages
    pattern: PRIVATE,
    unless: isComment,
  },
  {
    what: 'a comment wider than 100 columns',
    files: /^(?:lib|tools|bench)\/.*\.js$/,
    except: /\/dist\//,
    pattern: /^(?=\s*(?:\/\/|\/?\*)).{101}/u,
  },
  {
    what: 'an action without a version, v4 or a commit',
    files: /^\.github\/workflows\//,
    pattern: /^[ -]*uses:(?! *[.]| *\S+@(?:v\d[\w.]*|[0-9a-f]{40})\s*(?:#|$))/,
  },
];

function isComment(line) {
  return /^\s*(?:\/\/|\/?\*)/.test(line);
}

function* wordsIn(file, text) {
  const rules = RULES.filter(({ files = /./, except }) => files.test(file) && !except?.test(file));
  for (const [index, line] of text.split('\n').entries())
    for (const { what, pattern, unless } of rules)
      if (pattern.test(line) && unless?.(line, file) !== true)
        yield { file, line: index + 1, what };
  if (/^__test__\/.*\.test\.js$/.test(file) && tierOf(text) === null)
    yield { file, line: 1, what: 'says no tier: // tier: run-time' };
}

module.exports = (root) =>
  listFiles(root)
    .filter((file) => !BINARY.test(file))
    .flatMap((file) => [...wordsIn(file, readFile(root, file))]);
