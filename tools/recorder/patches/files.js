'use strict';

// From Node 26 on, fs.readFile() reads files of up to half a MiB in a binding, which calls no function of Buffer. Keeping the stack of each call until the bytes
// arrive would add a quarter to its cost, so only calls that can become a sample with the largest such file take a ticket.

const fs = require('node:fs');
const process = require('node:process');
const { begun, finished } = require('../sampling.js');

const READS_WHOLE = Number.parseInt(process.versions.node, 10) >= 26;

/** Larger files are read into a Buffer of allocUnsafeSlow(), which is counted already. */
const MOST = 512 * 1024;

function see(ticket, made) {
  if (Buffer.isBuffer(made) && made.length <= MOST) finished(ticket, made, made.length, 'fs');
}

const calling = (original) =>
  function readFile(...args) {
    const callback = args.at(-1);
    const ticket = typeof callback === 'function' ? begun(MOST, readFile) : undefined;
    if (ticket === undefined) return Reflect.apply(original, this, args);
    args[args.length - 1] = function done(...results) {
      see(ticket, results[1]);
      return Reflect.apply(callback, this, results);
    };
    return Reflect.apply(original, this, args);
  };

/** Wraps the function of fs.promises. */
const promising = (original) =>
  async function readFile(...args) {
    const ticket = begun(MOST, readFile);
    const made = await Reflect.apply(original, this, args);
    if (ticket !== undefined) see(ticket, made);
    return made;
  };

function patchFiles(patches) {
  if (!READS_WHOLE) return;
  patches.method(fs, 'readFile', calling);
  patches.method(fs.promises, 'readFile', promising);
}

module.exports = { patchFiles };
