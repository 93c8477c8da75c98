'use strict';

// Merges the files that it is given, in a thread of its own.

const { parentPort, workerData } = require('node:worker_threads');
const { mergeHere } = require('./merge.js');

try {
  const { profile, told } = mergeHere(workerData);
  parentPort.postMessage({ bytes: profile.toBuffer(), told });
} catch (error) {
  const { code, message, file, found, expected } = error;
  parentPort.postMessage({ failure: { code, message, file, found, expected } });
}
