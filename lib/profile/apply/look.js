'use strict';

// The look at the text of a file, for a table: what it says of the calls of its sites, whatever an application's options.

const { Calls, whyNever } = require('./calls.js');
const { Names } = require('./names.js');
const { parse, reasonOf } = require('./parse.js');
const { Text } = require('./text.js');

/** Of a site of the file: true where its call may be changed, else why not. `sha256`: what the table knows the file by. */
function lookInto(acorn, name, sha256) {
  try {
    const file = Text.read(name);
    if (file.sha256 !== sha256) return () => 'the file was changed meanwhile';
    const parsed = parse(acorn, file);
    const calls = new Calls(parsed, new Names(parsed), file);
    return (site) => whyNever(site.source) ?? calls.why(site) ?? true;
  } catch (error) {
    const { why } = reasonOf(error);
    return () => why;
  }
}

module.exports = { lookInto };
