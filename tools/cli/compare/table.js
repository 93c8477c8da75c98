'use strict';

// `ralloc compare --table`: what is checked before a table is tried, a run with its lines changed
// and without a load, and the report of either.

const path = require('node:path');
const { counted } = require('../../../lib/base/bytes.js');
const { TABLE, variablesOf } = require('../../../lib/auto/options.js');
const { readOwnTable } = require('../../../lib/site/table-file.js');
const { checkProofs, isProved } = require('../../placement/proofs.js');
const notes = require('../../placement/trial/notes.js');
const { linesOf, sumOf } = require('../../placement/trial/summary.js');
const { lostText, startApplication, whyNothing } = require('../application.js');
const { print, tell } = require('../print.js');

const HOW = { verb: 'compare', preload: require.resolve('../../../lib/auto/preload.js') };

/** Why nothing of a table would be tried; undefined if something would. */
function whyUntried({ sites }, isSuggested, table) {
  const lines = sites.filter(({ strategy }) => strategy === 'request');
  if (lines.length === 0)
    return `${table} has no line whose Buffers die with their request: there is nothing to try`;
  if (isSuggested || lines.some(isProved)) return undefined;
  return `${table} proves nothing: ${counted(lines.length, 'line')} ${lines.length === 1 ? 'is' : 'are'} only suggested, by too few samples. Record with a smaller --rate or for longer, and bake again, or try them with --suggested`;
}

/**
 * `{ file, folder, variables, isSuggested, options }` of a table that may be tried; `{ why }` if
 * not. `folder`: where its processes leave notes; `options`: those of `ralloc apply`. Throws if it
 * is wrong.
 */
function tableOf(values, folder) {
  const table = values.table || TABLE;
  const { alloc: isAlloc, 'any-size': isAnySize, suggested: isSuggested } = values;
  const read = readOwnTable(table);
  checkProofs(read, table);
  const why = whyUntried(read, isSuggested, table);
  if (why !== undefined) return { why };
  const file = path.resolve(table);
  const flags = { isAlloc, isAnySize, isSuggested };
  // variablesOf() sets all variables, so that earlier values do not matter.
  const packages = values.package ?? [];
  const variables = variablesOf({ ...flags, file, packages, notes: folder });
  const options = [
    ...(isAlloc ? ['--alloc'] : []),
    ...(isAnySize ? ['--any-size'] : []),
    ...packages.flatMap((name) => ['--package', name]),
  ];
  return { file, folder, variables, isSuggested, options };
}

const toldOf = (all) => all.filter(({ failed }) => failed === undefined);

/** Whether a line of the table was reached in a request. */
const isReached = ({ folder }) =>
  sumOf(toldOf(notes.readAll(folder).notes)).sites.some(({ inside }) => inside > 0);

/**
 * Tells what the processes have noted; returns it: `{ lines, mounts, resets, lost, failed, isActive
 * }`.
 */
function conclude(command, { file, folder }) {
  const { notes: all, lost } = notes.readAll(folder);
  const told = toldOf(all);
  const failed = [...new Set(all.flatMap((note) => note.failed ?? []))];
  const sum = sumOf(told);
  const { sites, mounts, resets } = sum;
  if (told.length > 0) for (const line of linesOf(sum)) tell(line);
  for (const why of failed) tell(`ralloc: trial: a process ran as it is: ${why}`);
  if (lost > 0) tell(`ralloc: trial: ${lostText(lost)}`);
  if (all.length === 0 && lost === 0) {
    const needs = { reads: [path.dirname(file)], writes: [path.dirname(folder)] };
    tell(`ralloc: trial: No process told of one: ${whyNothing(command, 'compare --table', needs)}`);
  }
  const lines = sites.map(({ key, state, ...counts }) => counts);
  const isActive = sites.some(({ allocated }) => allocated > 0);
  return { lines, mounts, resets, lost, failed, isActive };
}

/** Runs the application once with the lines changed, without a load: for withNotes(). */
async function tryOnce(command, table, isJson) {
  const env = { ...process.env, ...table.variables };
  const ended = await startApplication(command, env, HOW).ended;
  const { isActive, ...told } = conclude(command, table);
  if (isJson) print(JSON.stringify(told, null, 2));
  return { ...ended, isWhole: isActive };
}

module.exports = { conclude, isReached, tableOf, tryOnce };
