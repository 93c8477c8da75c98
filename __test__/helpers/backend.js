'use strict';

const test = require('ava');
const { backend } = require('../../lib/memory/native.js');

const isNative = backend === 'native';
const [nodeMajor, nodeMinor] = process.versions.node.split('.').map(Number);

/** Whether this Node is of the version `major.minor`, or of a later one. */
const isNodeSince = (major, minor = 0) =>
  nodeMajor > major || (nodeMajor === major && nodeMinor >= minor);

/**
 * A test of what not every host has. Elsewhere ava reports it as skipped, by a title that says what it needs:
 * this is the only place where a test is skipped.
 */
function testWhere(has, needs, title, body, run = test) {
  if (has) run(title, body);
  else test.skip(`${title} – needs ${needs}`, body);
}

/** A test with pipes that have a name, or signals that a process can handle: Windows has neither. */
function posixTest(title, body, run = test) {
  testWhere(process.platform !== 'win32', 'POSIX', title, body, run);
}

/** A test of what only native memory does; `why` the fallback does not. */
function nativeTest(title, why, body, run) {
  testWhere(isNative, `native memory: on the fallback ${why}`, title, body, run);
}

/** Whether a parser of Node calls, as long as its connection lasts, the function that it had at the first body. */
const keepsParserFunctions = isNodeSince(26, 12);

module.exports = {
  ...{ backend, isNative, isNodeSince, keepsParserFunctions, nativeTest, nodeMajor, posixTest },
  testWhere,
};
