// The application of bench/apps/next/, built by Next.js when it is first needed. Its packages have
// a lock of their own.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { install } = require('../packages.js');

const FOLDER = path.join(__dirname, '..', 'next');
const BUILT = path.join(FOLDER, '.next', 'BUILD_ID');

async function build() {
  const cli = require.resolve('next/dist/bin/next', { paths: [FOLDER] });
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' };
  const how = { cwd: FOLDER, env, stdio: ['ignore', 2, 2] };
  const [code, signal] = await once(spawn(process.execPath, [cli, 'build'], how), 'exit');
  if (code !== 0) throw new Error(`next build ended with ${signal ?? code}`);
}

module.exports = {
  missing: () => null,
  async start() {
    await install(FOLDER);
    if (!fs.existsSync(BUILT)) await build();
    return { upstream: FOLDER, stop: async () => {} };
  },
};
