// A folder of packages as Verdaccio keeps them, each with one tarball: what is asked for, as /NAME/-/FILE.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const missing = () => null;

function publish(folder, { path: asked, answer }) {
  const [, name, , file] = asked.split('/');
  const version = '1.0.0';
  const dist = { shasum: '', tarball: `http://localhost${asked}` };
  const manifest = {
    ...{ _id: name, _rev: '1-1', name, versions: { [version]: { name, version, dist } } },
    ...{ 'dist-tags': { latest: version }, time: {}, _uplinks: {}, _distfiles: {} },
    _attachments: { [file]: { shasum: '' } },
  };
  fs.mkdirSync(path.join(folder, name));
  fs.writeFileSync(path.join(folder, name, 'package.json'), JSON.stringify(manifest));
  fs.writeFileSync(path.join(folder, name, file), answer);
}

/** Resolves to `{ upstream, stop }`: the folder, and what removes it. */
async function start(exchanges) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-storage-'));
  const remove = () => fs.rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  for (const exchange of exchanges) publish(folder, exchange);
  const stop = async () => {
    process.off('exit', remove);
    remove();
  };
  return { upstream: folder, stop };
}

module.exports = { missing, start };
