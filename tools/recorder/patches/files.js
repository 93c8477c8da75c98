'use strict';

// From Node 26 on a binding reads files of up to half a MiB whole: fs.readFile() without a function of Buffer. To keep the stack of each call until the bytes
// are there would cost a quarter of it, so who is no sample however large the file is draws a blank before.

const fs = require('node:fs');
const process = require('node:process');
const { begun, finished } = require('../sampling.js');

const READS_WHOLE = Number.parseInt(process.versions.node, 10) >= 26;

/** Larger ones are read into a Buffer of allocUnsafeSlow(). */
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

/** An async function, as Node's is. */
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
