'use strict';

// What this process was given besides its arguments, its environment and descriptors 0 to 2, for
// the application: descriptors, as of systemd's socket activation or the shell (`3>file`), and the
// channel of fork(). Node closes them on exec(), and removes the channel's variables from the
// environment.

const fs = require('node:fs');
const { attempt } = require('../../lib/base/attempt.js');

const FIRST = 3;
const { O_NONBLOCK, S_IFIFO } = fs.constants;
const O_ACCMODE = 3;
const O_CLOEXEC = 0o2000000; // of Linux, as in fdinfo
const EPOLL = 'anon_inode:[eventpoll]';
const NOTHING = '/dev/null'; // libuv keeps it open, to have a descriptor left

/**
 * A descriptor on Linux. What libuv opens is O_CLOEXEC. It is an event loop or the like, a socket
 * or pipe that does not block, /dev/null, or a pipe of which it has both ends: `pipe` with
 * `access`.
 */
function onLinux(fd) {
  const link = fs.readlinkSync(`/proc/self/fd/${fd}`);
  const text = fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1');
  const flags = Number.parseInt(/^flags:\s*(\d+)/m.exec(text)[1], 8);
  const mayBe = (flags & O_CLOEXEC) !== 0;
  const isKnown = link.startsWith('anon_inode:') || link === NOTHING || (flags & O_NONBLOCK) !== 0;
  const pipe = mayBe && link.startsWith('pipe:') ? link : undefined;
  return {
    fd,
    isLoop: link === EPOLL,
    isLibuvs: mayBe && isKnown,
    pipe,
    access: flags & O_ACCMODE,
  };
}

/**
 * One elsewhere, where flags cannot be read, so that all pipes and sockets may be libuv's. A kqueue
 * is a FIFO without permissions.
 */
function onMac(fd) {
  const stat = fs.fstatSync(fd);
  const isNothing = stat.isCharacterDevice() && stat.rdev === fs.statSync(NOTHING).rdev;
  const isLibuvs = stat.isFIFO() || stat.isSocket() || isNothing;
  return { fd, isLoop: stat.mode === S_IFIFO, isLibuvs };
}

/**
 * The descriptors from 3 on that this process was started with. Node's first one is an event loop,
 * which got the lowest free number: those below were there before. Of others the kind decides.
 */
function descriptors() {
  if (process.platform === 'win32') return [];
  const look = process.platform === 'linux' ? onLinux : onMac;
  const names = attempt(() => fs.readdirSync('/dev/fd'), []);
  const all = names
    .map(Number)
    .filter((fd) => fd >= FIRST)
    .sort((a, b) => a - b)
    .flatMap((fd) => attempt(() => [look(fd)], [])); // the one that listed them is closed
  const first = all.find(({ isLoop }) => isLoop)?.fd;
  const isPair = ({ pipe, access }) =>
    pipe !== undefined && all.some((other) => other.pipe === pipe && other.access !== access);
  const isGiven = (one) => one.fd < first || !(one.isLibuvs || isPair(one));
  return all.filter(isGiven).map(({ fd }) => fd);
}

/**
 * The channel to the process that forked this one; undefined if there is none. `{ fd, variables,
 * leave() }`: its descriptor, from which nothing is read before the event loop turns, the variables
 * that name it, and what leaves its messages to the application. It stays open here: others may
 * still send, as PM2 does in its processes.
 */
function channel() {
  const { channel: control } = process;
  const fd = control?.fd;
  if (!(fd >= FIRST)) return undefined;
  control.ref(); // only what keeps the loop alive is listed
  const handle = process._getActiveHandles().find((one) => one.fd === fd);
  control.unref();
  const symbols = Object.getOwnPropertySymbols(handle ?? {});
  const isAdvanced = symbols.some(({ description }) => description === 'kMessageBuffer');
  const mode = isAdvanced ? 'advanced' : 'json';
  const variables = { NODE_CHANNEL_FD: `${fd}`, NODE_CHANNEL_SERIALIZATION_MODE: mode };
  const { worker } = require('node:cluster');
  if (worker !== undefined && worker !== null) variables.NODE_UNIQUE_ID = `${worker.id}`;
  return { fd, variables, leave: () => handle?.readStop() };
}

module.exports = { channel, descriptors };
