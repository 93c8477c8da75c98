// Folders that applications need: the files that are asked for, packages as Verdaccio keeps them,
// the service of bench/rows.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { prepare } = require('../../rows/prepare.js');

/**
 * `start(exchanges)` of a service resolves to `{ upstream, stop }`: what `fill` makes in a folder,
 * and what removes it.
 */
const inFolder = (fill) => ({
  missing: () => null,
  async start(exchanges) {
    const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-bench-')));
    const remove = () => fs.rmSync(folder, { recursive: true, force: true });
    process.once('exit', remove);
    const stop = async () => {
      process.off('exit', remove);
      remove();
    };
    return { upstream: fill(folder, exchanges) ?? folder, stop };
  },
});

const files = inFolder((folder, exchanges) => {
  for (const { path: asked, answer } of exchanges)
    fs.writeFileSync(path.join(folder, asked), answer);
});

/** Packages with one tarball each, which is asked for as /NAME/-/FILE. */
const packages = inFolder((folder, exchanges) => {
  for (const { path: asked, answer } of exchanges) {
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
});

const rows = inFolder((folder, [{ answer }]) => ({
  ...prepare(folder, answer.length),
  pageBytes: answer.length,
}));

module.exports = { files, packages, rows };
