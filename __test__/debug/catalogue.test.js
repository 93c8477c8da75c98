'use strict';
// tier: run-time, differs

// The catalogue: each program of fixtures/debug/misuses/ has one mistake, and says in its head what debug mode reports of it: the kind,
// the request, the exit code; marks tell the lines. Those of fixtures/debug/correct/ have none, and nothing is reported.

const test = require('ava');
const { isAlone, linesOf, programsOf, together, underDebug } = require('../helpers/misuse.js');

const misuses = programsOf('misuses');
const correct = programsOf('correct');

/** The programs of a list that share a process, once they have run. */
const sharing = (programs) =>
  together(
    programs.filter((one) => !isAlone(one)),
    'full',
  );
let shared;
test.before(async () => {
  shared = new Map([...(await sharing(misuses)), ...(await sharing(correct))]);
});

const ranOf = async (program) => shared.get(program.name) ?? underDebug(program, 'full');

test('there are 30 misuses at least, and 8 programs without any', (t) => {
  t.true(misuses.length >= 30);
  t.true(correct.length >= 8);
  t.true(misuses.every(({ kind }) => kind !== null));
  t.true(correct.every(({ kind }) => kind === null));
});

for (const program of misuses) {
  const { file, name, kind, request, exit, lines } = program;
  test(`full: ${name} is reported as ${kind}`, async (t) => {
    const ran = await ranOf(program);
    const found = ran.reports.map((report) => ({
      kind: report.kind,
      code: report.code,
      request: report.request,
      lines: linesOf(report, file),
    }));
    const code = `RALLOC_W_${kind.toUpperCase().replaceAll('-', '_')}`;
    t.deepEqual(found, [{ kind, code, request, lines }], ran.stderr);
    t.is(ran.exit, exit, ran.stderr);
    t.true(ran.stderr.includes(code));
  });
}

for (const program of correct) {
  test(`full: nothing is reported of ${program.name}`, async (t) => {
    const ran = await ranOf(program);
    t.deepEqual(ran.reports, [], ran.stderr);
    t.is(ran.exit, program.exit, ran.stderr);
    t.false(/RALLOC_W_/.test(ran.stderr));
  });
}
