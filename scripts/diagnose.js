'use strict';

// Does `ralloc report` lead to the cure? Runs the servers of reports/corpus.js, each as it is, cured, and as a healthy twin, and compares what the report says with what is right.
//
//   npm run diagnose                       all of them, which takes a quarter of an hour
//   npm run diagnose -- append --no-gain   some; --no-gain leaves out what a cure gains

const fs = require('node:fs');
const path = require('node:path');
const { CORPUS } = require('./reports/corpus.js');
const { HERE } = require('./reports/folder.js');
const { diagnosed, install, run } = require('./reports/harness.js');

/** Kinds of findings that a server with nothing unusual may have: lines that could be better, and whether enough was recorded. */
const HARMLESS = ['churn', 'few', 'stays', 'outlives', 'unseen'];

/** The advice of a report as changes of the source: each row with a minus becomes the one after it, and other rows with a plus come first in the file, as they say. */
function pasted(text, now) {
  const rows = now.filter((row) => /^[-+] /.test(row));
  return rows.reduce((changed, row, i) => {
    const code = row.slice(2).replace(/ \/\/ .*$/, '');
    if (row.startsWith('- ')) return changed;
    const before = rows[i - 1];
    if (before?.startsWith('- ')) return changed.replace(before.slice(2), () => code);
    return changed.replace("'use strict';\n", (first) => `${first}\n${code}\n`);
  }, text);
}

/** Writes the changed source of a server, and returns its name. `now`: advice that is pasted first. */
function changed(name, to, changes, now = []) {
  let text = pasted(fs.readFileSync(path.join(HERE, `${name}.js`), 'utf8'), now);
  for (const [before, after] of changes) {
    if (!text.includes(before)) throw new Error(`${name}.js has no ${before}`);
    text = text.replace(before, () => after);
  }
  const file = `${name}-${to}.js`;
  fs.writeFileSync(path.join(HERE, file), text);
  return file;
}

const codeOf = ({ file, line }) =>
  file === undefined || file === null
    ? ''
    : (fs.readFileSync(file, 'utf8').split('\n')[line - 1] ?? '').trim();

const MiB = 2 ** 20;
const toldKind = ({ kind, bytes }) => `${kind ?? 'nothing unusual'} ${Math.round(bytes / MiB)} MiB`;

/** What the report of a server says, and which of it is wrong. */
async function judged(name) {
  const row = CORPUS[name];
  const { memory, findings = [] } = await diagnosed(row, `${name}.js`);
  const found = [memory.kind, memory.ofPeak?.kind];
  const first = findings.find(({ kind }) => kind !== 'few');
  const advice = [memory.now, memory.ofPeak?.now, ...findings.flatMap(({ now }) => now)].join('\n');
  const wrong = [];
  if (!row.kinds.some((kind) => found.includes(kind))) wrong.push('kind');
  if (row.finding !== undefined && first?.kind !== row.finding) wrong.push('finding');
  if (row.at !== undefined && !codeOf(first ?? {}).includes(row.at)) wrong.push('line');
  if (row.cure !== undefined && !row.cure.test(advice)) wrong.push('cure');
  const place = first?.file ? ` ${path.basename(first.file)}:${first.line}` : '';
  const now = row.pastes ? first?.now : [];
  return { wrong, now, told: `${toldKind(memory)}, ${first?.kind ?? 'no finding'}${place}` };
}

async function isWell(name) {
  const program = changed(name, 'healthy', CORPUS[name].healthy);
  const { memory, findings = [] } = await diagnosed(CORPUS[name], program);
  const others = findings.map(({ kind }) => kind).filter((kind) => !HARMLESS.includes(kind));
  const kinds = memory.kind === undefined ? [] : [toldKind(memory)];
  return [...kinds, ...others];
}

/** What the cure leaves of the peak and of the RSS at rest, and whether clients get the same bytes. */
async function gained(name, now) {
  const row = CORPUS[name];
  if (row.cured === undefined) return { wrong: [], told: '' };
  const options = { isRead: true, restMs: row.gain?.rest === undefined ? 500 : undefined };
  const plain = await run(row, [`${name}.js`], options);
  const cured = await run(row, [changed(name, 'cured', row.cured, now)], options).catch(
    ({ message }) => ({ failed: message }),
  );
  if (cured.failed !== undefined) return { wrong: [`cure: ${cured.failed}`], told: '' };
  const wrong = plain.digest === cured.digest ? [] : ['BYTES'];
  const shares = Object.entries(row.gain ?? {}).map(([which, most]) => {
    const share = cured[which] / plain[which];
    if (share > most) wrong.push(`gain of ${which}`);
    return `${which} ${share.toFixed(2)} ×`;
  });
  return { wrong, told: shares.join(', ') };
}

async function rowOf(name, withGain) {
  const { wrong, told, now } = await judged(name);
  const ill = await isWell(name);
  const gain = withGain ? await gained(name, now) : { wrong: [], told: '' };
  const all = [...wrong, ...gain.wrong, ...(ill.length > 0 ? [`twin: ${ill.join(', ')}`] : [])];
  const verdict = all.length === 0 ? 'right' : `WRONG (${all.join('; ')})`;
  console.log([name, CORPUS[name].report, verdict, told, gain.told].filter(Boolean).join(' | '));
  return all.length === 0;
}

async function main(given) {
  const names = given.filter((name) => name !== '--no-gain');
  const chosen = names.length > 0 ? names : Object.keys(CORPUS);
  const unknown = chosen.find((name) => !Object.hasOwn(CORPUS, name));
  if (unknown !== undefined) {
    console.error(`diagnose: there is no ${unknown}; there are ${Object.keys(CORPUS).join(', ')}`);
    return 2;
  }
  install(chosen.map((name) => CORPUS[name]));
  let right = 0;
  for (const name of chosen) right += (await rowOf(name, !given.includes('--no-gain'))) ? 1 : 0;
  console.log(`${right} of ${chosen.length} are right`);
  return right === chosen.length ? 0 : 1;
}

main(process.argv.slice(2)).then((code) => process.exit(code));
