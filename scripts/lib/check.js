'use strict';

// The frame of a check: a function from a folder to a list of findings, each `{ file, line, what }`, or a promise of it.
// `--self-test` runs it on small trees that it must accept or refuse, for a check that cannot fail
// proves nothing. In a case, `wrong` lists each finding as `file:line`, and nothing else may be found.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..');

function print(findings) {
  for (const { file, line, what } of findings) console.log(`${file}:${line}: ${what}`);
}

/** Writes `files` to a new git folder, calls `use` with it, and removes it. */
async function withTree(files, use) {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-check-'));
  try {
    spawnSync('git', ['init', '-q'], { cwd: root });
    for (const [file, lines] of Object.entries(files)) {
      fs.mkdirSync(path.join(root, path.dirname(file)), { recursive: true });
      fs.writeFileSync(path.join(root, file), [].concat(lines).join('\n'));
    }
    return await use(root);
  } finally {
    fs.rmSync(root, { recursive: true, force: true });
  }
}

/** @returns {Promise<boolean>} whether `check` finds in the case's tree what it should, and only that */
async function holds(check, { name, files, wrong }) {
  const found = await withTree(files, check);
  const places = found.map(({ file, line }) => `${file}:${line}`).sort();
  const good = JSON.stringify(places) === JSON.stringify([...wrong].sort());
  if (!good) {
    console.log(`self-test "${name}": should find ${JSON.stringify(wrong)}, found:`);
    print(found);
  }
  return good;
}

/**
 * @typedef {{ file: string, line: number, what: string }} Finding
 * @param {(root: string) => Finding[] | Promise<Finding[]>} check
 * @param {{ name: string, files: Record<string, string | string[]>, wrong: string[] }[]} cases
 */
async function runCheck(check, cases) {
  if (process.argv.includes('--self-test')) {
    let failed = 0;
    for (const one of cases) if (!(await holds(check, one))) failed++;
    console.log(`self-test: ${cases.length - failed} of ${cases.length} cases as they should be`);
    process.exitCode = failed === 0 && cases.some(({ wrong }) => wrong.length > 0) ? 0 : 1;
    return;
  }
  const findings = await check(ROOT);
  print(findings);
  process.exitCode = findings.length === 0 ? 0 : 1;
}

module.exports = { runCheck };
