'use strict';

// Plans the changes that a table asks for in the sources of an application: edits of its files, and
// what is said of each site.

const path = require('node:path');
const { many } = require('../../../lib/base/bytes.js');
const { fileKey } = require('../../../lib/base/file-names.js');
const { whyByOptions } = require('../trial/edits.js');
const { isOutside, packageOf } = require('../packages.js');
const { isProved } = require('../proofs.js');
const { Calls, whyNever } = require('../source/calls.js');
const { Names } = require('../source/names.js');
const { parse, reasonOf } = require('../source/parse.js');
const { locateSites } = require('../source/sites.js');
const { Text, edited } = require('../source/text.js');
const { PROOF_SAMPLES } = require('../../../lib/site/decisions.js');
const { nameIn } = require('../../../lib/site/table-file.js');

/**
 * What a source calls; perRequest is imported before its first statement: there the name exists
 * before any function of the source can be called.
 */
const NAME = 'perRequest';
const LOADS = /^import\b|\brequire\(/;

/** Where a comment begins that belongs to the statement on the line at `at`, as far as `floor`. */
function aboveComment(at, floor, file) {
  while (at > 0) {
    const line = file.lineAt(at - 1);
    if (line.start < floor || file.text.slice(line.start, line.end).trim() === '') return at;
    at = line.start;
  }
  return at;
}

/** `{ as, edits }`: how perRequest is written in the source, and the edits for that. */
function perRequestFor({ ast, sourceType, code }, names, file) {
  const first = ast.body.find(({ directive }) => directive === undefined);
  const known = [...names.imports()].find(
    ({ id, imported, from, statement }) =>
      imported === NAME && from === 'ralloc' && statement === first && names.isFixed(id.name),
  );
  if (known !== undefined) return { as: known.id.name, edits: [] };
  const as = names.free(NAME, 'perRequestBuffers');
  const isModule = sourceType === 'module';
  const named = as === NAME ? NAME : `${NAME}${isModule ? ' as' : ':'} ${as}`;
  const line = isModule
    ? `import { ${named} } from 'ralloc';`
    : `const { ${named} } = require('ralloc');`;
  const { start } = file.lineAt(first.start);
  const isAlone = /^\s*$/.test(code.slice(start, first.start));
  if (!isAlone || LOADS.test(code.slice(first.start, first.end))) {
    const at = isAlone ? start : first.start;
    return { as, edits: [{ start: at, end: at, text: `${line}${file.eol}` }] };
  }
  const directive = ast.body[ast.body.indexOf(first) - 1];
  const at = aboveComment(start, directive?.end ?? /^(#!.*)?/.exec(code)[0].length, file);
  return { as, edits: [{ start: at, end: at, text: `${line}${file.eol}${file.eol}` }] };
}

/** Compiled files are overwritten by their compiler, so they are not changed. */
const GENERATED = /\/[/*][#@]\s*sourceMappingURL=/;
const ofCompiler = ({ text }) =>
  GENERATED.test(text) ? 'a compiler made the file. Change what it was made of' : undefined;

const whole = (number) => number.toLocaleString('en-US');
const placeOf = ({ file, line, column, function: name }) => `${file}:${line}:${column} ${name}`;

/** The reason that a file may not be changed; undefined if it may. */
function whyNotOwn(name, { root, packages }) {
  const owner = packageOf(path.resolve(root, name));
  if (owner !== undefined && !packages.includes(owner))
    return `of the package ${owner}. To change it: --package ${owner}`;
  return isOutside(name) ? `outside of ${root}. Run ralloc where the application is` : undefined;
}

/** `[list of the plan, text]` for a site. `why`: the reason that its call may not be changed. */
function toldOf({ strategy, samples, exceptions, source, certainty }, why) {
  if (strategy !== 'request')
    return [
      'suggestions',
      `belongs in a ${strategy}, which somebody frees. The free belongs where it is let go: delete(), clear(), shift() of what holds it, or a new value in its place`,
    ];
  if (why !== undefined) return ['left', `left: ${why}`];
  const of = `of ${whole(samples)} samples`;
  if (certainty === 'proved')
    return ['changes', `from the arena of its request: ${of} none outlived it`];
  const told =
    exceptions === 0
      ? `perRequest${source.slice('Buffer'.length)}() would fit by ${whole(samples)} samples. ${whole(PROOF_SAMPLES)} prove it: record with a smaller --rate, or for longer`
      : `${of} ${whole(exceptions)} outlived their request. Look whether they do: record again`;
  return ['suggestions', told];
}

/** Adds sites of a Text to the plan. Throws Unread. */
function addSites(plan, acorn, file, sites, options) {
  const parsed = parse(acorn, file);
  const names = new Names(parsed);
  const calls = new Calls(parsed, names, file);
  const proved = [];
  // A table that was edited by hand may have a place twice.
  for (const site of new Map(sites.map((one) => [one.offset, one])).values()) {
    const why =
      whyNever(site) ?? ofCompiler(file) ?? whyByOptions(site, options) ?? calls.why(site);
    const [list, told] = toldOf(site, why);
    plan[list].push(`${placeOf(site)}: ${told}`);
    if (list === 'changes') proved.push(site.offset);
  }
  if (proved.length === 0) return;
  const { as, edits } = perRequestFor(parsed, names, file);
  const calling = proved.map((start) => ({ start, end: start + 'Buffer'.length, text: as }));
  plan.files.push({ name: sites[0].file, file, edits: [...edits, ...calling] });
}

/** Adds the reason that a file cannot be looked at. */
function refuse(plan, name, sites, error) {
  const { why, isFault } = reasonOf(error);
  if (isFault && sites.some(isProved)) plan.faults.push(`${name}: ${why}`);
  else plan.left.push(`${name}: left: ${why}`);
  if (isFault) return;
  for (const site of sites.filter(({ strategy }) => strategy === 'request')) {
    const method = site.callee.slice(site.callee.lastIndexOf('.'));
    plan.suggestions.push(`${placeOf(site)}: perRequest${method}()`);
  }
}

/** Adds a file of a table by its name relative to `root`, with sites that are named so too. */
function addFile(plan, acorn, name, sha256, sites, options) {
  let known = sites;
  try {
    const file = Text.read(path.resolve(options.root, name));
    const { found, applied, lost } = locateSites(sites, file, sha256);
    plan.applied += applied.length;
    for (const site of lost) {
      const told = `${placeOf(site)}: the line is not there any more, or more than once. Record and bake again`;
      plan[isProved(site) ? 'faults' : 'left'].push(told);
    }
    known = found;
    if (found.length > 0) addSites(plan, acorn, file, found, options);
  } catch (error) {
    refuse(plan, name, known, error);
  }
}

/**
 * Returns `{ changes, suggestions, left, faults }`, lines of text about what changes, what may be
 * changed by hand, what stays, and what cannot be changed and why; `applied`: how many sites an
 * earlier run changed; `files`: `{ name, file, edits }` of each Text that changes.
 */
function planOf(acorn, table, options) {
  const plan = { changes: [], suggestions: [], left: [], faults: [], applied: 0, files: [] };
  const { folder, root, files } = options;
  for (const { file, sha256 } of table.files) {
    const name = nameIn(root, path.resolve(folder, file));
    const sites = table.sites
      .filter((one) => one.file === file && one.strategy !== 'leave')
      .map((site) => ({ ...site, file: name }));
    const isWanted = files.length === 0 || files.some((one) => fileKey(one) === fileKey(name));
    if (sites.length === 0 || !isWanted) continue;
    const why = whyNotOwn(name, options);
    if (why === undefined) addFile(plan, acorn, name, sha256, sites, options);
    else plan.left.push(`${name}: left: ${many(sites.length, 'site')} ${why}`);
  }
  if (plan.changes.length > 0) {
    plan.suggestions.push(
      'perRequest takes the arena of current(), which needs requestArena({ context: true }). Without it these Buffers are what they were',
    );
  }
  plan.files.sort((a, b) => (a.name < b.name ? -1 : 1));
  return plan;
}

/** A file name in a header, with a tab after it if its end would be unclear. */
const nameOf = (name) => (name.includes(' ') ? `${name}\t` : name);

const hunkText = ({ oldStart, oldLines, newStart, newLines, lines }) =>
  `@@ -${oldStart},${oldLines} +${newStart},${newLines} @@\n${lines.join('\n')}\n`;

/**
 * Edits as a unified diff for `git apply` and `patch -p1`. `name`: with `/`, relative to the folder
 * where the diff is applied. `file`: a Text. Returns an empty text if nothing changes. `jsdiff`:
 * the exports of the package diff.
 */
function diffOf(name, { bom, text }, edits, { structuredPatch }) {
  const [old, now] = [bom + text, bom + edited(text, edits)];
  const { hunks } = structuredPatch('', '', old, now, '', '', { context: 3 });
  if (hunks.length === 0) return '';
  return `--- ${nameOf(`a/${name}`)}\n+++ ${nameOf(`b/${name}`)}\n${hunks.map(hunkText).join('')}`;
}

module.exports = { diffOf, planOf };
