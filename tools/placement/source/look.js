'use strict';

// The look at the text of a file, for a table: what it says of the calls of its sites, whatever an
// application's options.

const { Calls, whyNever } = require('./calls.js');
const { Names } = require('./names.js');
const { parse, reasonOf } = require('./parse.js');
const { Text } = require('./text.js');

/**
 * Returns a function that tells, for a site of a Text, true if its call may be changed, or why not.
 */
function whyIn(acorn, file) {
  try {
    const parsed = parse(acorn, file);
    const calls = new Calls(parsed, new Names(parsed), file);
    return (site) => whyNever(site) ?? calls.why(site) ?? true;
  } catch (error) {
    const { why } = reasonOf(error);
    return () => why;
  }
}

/** Like whyIn(), for the file of this name. `sha256`: the hash of the file in the table. */
function lookInto(acorn, name, sha256) {
  try {
    const file = Text.read(name);
    return file.sha256 === sha256 ? whyIn(acorn, file) : () => 'the file was changed meanwhile';
  } catch (error) {
    const { why } = reasonOf(error);
    return () => why;
  }
}

module.exports = { lookInto, whyIn };
