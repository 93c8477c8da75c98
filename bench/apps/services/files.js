// A folder with the files that are asked for.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const missing = () => null;

/** Resolves to `{ upstream, stop }`: the folder, and what removes it. */
async function start(exchanges) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-files-'));
  const remove = () => fs.rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  for (const { path: asked, answer } of exchanges)
    fs.writeFileSync(path.join(folder, asked), answer);
  const stop = async () => {
    process.off('exit', remove);
    remove();
  };
  return { upstream: folder, stop };
}

module.exports = { missing, start };
