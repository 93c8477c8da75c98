'use strict';

// Tells which parts of profiles are missing or damaged, for several verbs.

const { formatBytes } = require('../../lib/base/bytes.js');
const { count, tell } = require('./print.js');

/** Tells how many bytes of a profile belong to no complete line. */
function tellSkipped(file, bytes) {
  if (bytes === 0) return;
  tell(
    `ralloc: ${file}: ${formatBytes(bytes)} skipped that ${bytes === 1 ? 'is' : 'are'} of no whole line. A killed process leaves one at the end; elsewhere the file is damaged`,
  );
}

/** Tells how many complete lines are invalid. */
function tellNonsense(file, lines) {
  if (lines === 0) return;
  tell(
    `ralloc: ${file}: ${count(lines, 'line')} left out that make${lines === 1 ? 's' : ''} no sense: another program wrote there`,
  );
}

/** Tells how many blocks are missing. */
function tellLost(blocks) {
  if (blocks === 0) return;
  tell(
    `ralloc: ${count(blocks, 'block')} of recorders ${blocks === 1 ? 'is' : 'are'} missing in the midst of the files: what they told is in no sum`,
  );
}

/** Tells what was lost since the recording. Takes the result of mergeFiles(). */
function tellDamage({ profile, skipped, nonsense }) {
  for (const [file, bytes] of skipped) tellSkipped(file, bytes);
  for (const [file, blocks] of nonsense) tellNonsense(file, blocks);
  tellLost(profile.lost);
}

module.exports = { tellDamage };
