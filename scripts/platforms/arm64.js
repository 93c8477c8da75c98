'use strict';

// Linux on arm64 with glibc: npm's Node for it, run by qemu, 10 to 20 times slower than this machine. The kernel must know qemu, so that a
// process can start another one; telling it takes root, once after each boot.

const fs = require('node:fs');
const path = require('node:path');
const { bringCross, buildCross, crossEnv } = require('../lib/cross-build.js');
const { execute } = require('../lib/brought.js');
const { UNSTABLE, debian } = require('../lib/debian.js');
const { BUILT_FOR_GLIBC } = require('../release/targets.js');
const { bringModules, bringNode, modulesEnv } = require('../lib/npm-node.js');

const NAME = 'arm64';
const TRIPLE = 'aarch64-unknown-linux-gnu';
/** Of the C library and what Node needs: 26 the last one too. */
const LIBRARIES = ['libc6', 'libstdc++6', 'libgcc-s1', 'libatomic1'].map(
  (name) => `${name}:arm64/${UNSTABLE}`,
);
const KERNEL = '/proc/sys/fs/binfmt_misc';

const qemuOf = (tools) => path.join(tools, 'qemu', 'usr', 'bin', 'qemu-aarch64');
const prefixOf = (tools) => path.join(tools, 'arm64-libraries');
const nodeOf = (tools, node) => path.join(tools, `node-${node}-arm64`, 'bin', 'node');

const escaped = (bytes) => bytes.map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');

/** An ELF program or library of 64 bits for arm64; F: the kernel opens qemu now, so that no other root or namespace hides it. */
function rule(qemu) {
  const head = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0xb7, 0];
  const mask = head.map((_, index) => (index === 7 ? 0 : index === 16 ? 0xfe : 0xff));
  return `:ralloc-arm64:M::${escaped(head)}:${escaped(mask)}:${qemu}:F`;
}

function starts(tools, node) {
  try {
    const { command, env } = runner(tools, node);
    execute(command, ['--version'], { env: { ...process.env, ...env } });
    return true;
  } catch {
    return false;
  }
}

function tellKernel(tools, node) {
  if (starts(tools, node)) return;
  if (process.getuid() !== 0)
    throw new Error('arm64 needs root once, to tell the kernel of qemu (binfmt_misc)');
  if (!fs.existsSync(path.join(KERNEL, 'register')))
    execute('mount', ['-t', 'binfmt_misc', 'binfmt_misc', KERNEL]);
  const own = path.join(KERNEL, 'ralloc-arm64');
  if (fs.existsSync(own)) fs.writeFileSync(own, '-1');
  fs.writeFileSync(path.join(KERNEL, 'register'), rule(qemuOf(tools)));
  if (!starts(tools, node)) throw new Error(`qemu does not start Node ${node} for arm64`);
}

async function bring(tools, node) {
  await bringCross(tools);
  // The stable release's 7.2 refuses mremap from an old size of 0, by which threads share a slab.
  await debian(tools, 'qemu', [`qemu-user/${UNSTABLE}`]);
  // Not the stable release's: its pthread_create spins for ever under qemu on some kernels.
  await debian(tools, 'arm64-libraries', LIBRARIES, {
    finish(part) {
      if (!fs.existsSync(path.join(part, 'lib')))
        fs.symlinkSync(path.join('usr', 'lib'), path.join(part, 'lib'));
    },
  });
  await bringNode('linux-arm64', node, nodeOf(tools, node));
  await bringModules(tools, NAME, { os: 'linux', cpu: 'arm64', libc: 'glibc' });
  tellKernel(tools, node);
}

function runner(tools, node) {
  // For a test that would not end.
  const emulator = { RALLOC_EMULATOR: 'qemu' };
  const env = { QEMU_LD_PREFIX: prefixOf(tools), ...emulator, ...modulesEnv(tools, NAME) };
  return { command: nodeOf(tools, node), args: [], env };
}

/** Of random programs, of which 200 to 2,000 run on a machine of its own. */
const FEW_CASES = '32';

const crate = (root, tools) => ({
  command: 'cargo-zigbuild',
  args: ['test', '--target', `${TRIPLE}.${BUILT_FOR_GLIBC}`],
  env: {
    ...crossEnv(root, tools, TRIPLE),
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER: qemuOf(tools),
    QEMU_LD_PREFIX: prefixOf(tools), // of the processes too that a test starts
    PROPTEST_CASES: process.env.PROPTEST_CASES ?? FEW_CASES,
  },
});

const LOCKS = 'qemu writes /proc/self/smaps itself, without what is locked';
const RSS = 'qemu writes /proc/self/stat itself, without RSS';
const THREADS = 'qemu has a thread of its own, call_rcu, in /proc/self/task: it may be a Worker';
const RANGES =
  'qemu knows no marks of guard pages, and does not join neighbours in /proc/self/maps';

/** Of `tune`, all that set the flag. */
const TUNED = [
  'the flag is set once the first server listens',
  'a server that listens before the mount',
  'RALLOC_TUNE=on asks for',
  "V8's flag is set where RALLOC_AUTO names it",
];

module.exports = {
  name: NAME,
  nodes: [24, 22, 26],
  bring,
  build: async (root, tools) => buildCross(root, tools, TRIPLE),
  tellKernel,
  runner,
  crate,
  faults: [
    { title: 'a server whose load is over has less memory', why: RSS },
    { title: 'ulimit -d counts what the process has of data', why: RSS },
    { title: 'a system without any of these files has what Node tells', why: RSS },
    ...TUNED.map((title) => ({ title, why: THREADS })),
    { title: 'the memory of a slab goes back after close()', why: RSS },
    { title: 'arenas, and slabs that were closed, take few of the ranges', why: RANGES },
    { title: 'workers in a row leave no growth', why: RANGES },
  ],
  crateFaults: [
    { title: 'a_locked_mapping_is_locked_until_it_is_vacated_and_again_when_restored', why: LOCKS },
    { title: 'parts_are_locked_as_they_come_and_unlocked_as_they_go', why: LOCKS },
  ],
};
