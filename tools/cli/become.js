'use strict';

// Replaces this process by an application, so that no launcher takes memory, or stands between it
// and its parent: its process id, signals, descriptors, channel and exit code are those of the
// process that was started.

const { constants } = require('node:os');
const { getSystemErrorName } = require('node:util');
const { isMainThread } = require('../../lib/base/runtime.js');
const native = require('../../lib/memory/native.js');
const { channel, descriptors } = require('./given.js');
const { cannotStart, fileOf } = require('./program.js');

const SHELL = '/bin/sh';
const { ENOEXEC } = constants.errno;

/**
 * Whether this process can be replaced: not on Windows, without the binary, by a worker, or in
 * another runtime, whose descriptors are not known.
 */
const canBecome = () =>
  native.exec !== undefined && isMainThread && process.versions.bun === undefined;

/**
 * Replaces this process by `{ program, args, env }`. Does not return: if the system refuses, it
 * throws cannotStart(). It must be called before the event loop turns, which would read from the
 * channel, and before standard streams are used, which makes pipes that others share non-blocking.
 * `env` may change variables of this process's environment, and not remove any.
 */
function become({ program, args, env }, verb) {
  const file = fileOf(program, env, verb);
  const ipc = channel();
  const keep = [...descriptors(), ...(ipc === undefined ? [] : [ipc.fd])];
  // One by one, so that variables that are no valid UTF-8 stay what they are.
  for (const [name, value] of Object.entries({ ...env, ...ipc?.variables }))
    if (process.env[name] !== value) process.env[name] = value;
  let errno = native.exec(file, [program, ...args], keep);
  // A script without #!: a shell runs it.
  if (errno === ENOEXEC) errno = native.exec(SHELL, [SHELL, file, ...args], keep);
  throw cannotStart(program, getSystemErrorName(-errno), verb);
}

module.exports = { become, canBecome };
