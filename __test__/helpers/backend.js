'use strict';

const test = require('ava');
const { backend } = require('../../lib/native.js');

const isNative = backend === 'native';
const nodeMajor = Number.parseInt(process.versions.node, 10);

/** A test of what only native memory does. Elsewhere a line in the report says why it is not done. */
function nativeTest(title, why, body) {
  if (isNative) test(title, body);
  else test(`${title} – not on the fallback: ${why}`, (t) => t.is(backend, 'js'));
}

module.exports = { backend, isNative, nativeTest, nodeMajor };
