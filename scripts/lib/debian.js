'use strict';

// Debian's packages, unpacked into folders: apt with lists of its own, so that nothing of the machine changes and nobody has to be root. The
// mirrors are those that the machine's apt has; Debian's unstable release is added, for what only that has.

const fs = require('node:fs');
const path = require('node:path');
const { execute, once } = require('./brought.js');

const UNSTABLE = 'sid';

/** The machine's own sources of Debian, `URI SUITE` each. */
function sourcesOf() {
  const format = '$(REPO_URI)|$(CODENAME)|$(ORIGIN)';
  const told = execute('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
  const lines = told.split('\n').map((line) => line.split('|'));
  const sources = lines.filter(([, , origin]) => origin === 'Debian');
  if (sources.length === 0)
    throw new Error('apt knows no source of Debian (once: apt-get update), which has the tools');
  const suites = sources.map(([uri, suite]) => `${uri} ${suite}`);
  const main = sources.find(([, suite]) => !suite.includes('-')) ?? sources[0];
  return [...new Set([...suites, `${main[0]} ${UNSTABLE}`])];
}

const conf = (folder) => `Dir::State "${folder}";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "${folder}";
Dir::Etc::sourcelist "${path.join(folder, 'sources.list')}";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "${path.join(folder, 'preferences')}";
Dir::Etc::preferencesparts "/dev/null";
APT::Architectures { "amd64"; "arm64"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Debug::NoLocking "true";
`;

/** apt's lists in `tools/apt`: the environment in which apt-get reads them. */
async function apt(tools) {
  const folder = path.join(tools, 'apt');
  const env = { ...process.env, APT_CONFIG: path.join(folder, 'apt.conf') };
  await once(folder, (part) => {
    const sources = sourcesOf().map((source) => `deb ${source} main\n`);
    fs.writeFileSync(path.join(part, 'sources.list'), sources.join(''));
    const rare = `Package: *\nPin: release n=${UNSTABLE}\nPin-Priority: 50\n`;
    fs.writeFileSync(path.join(part, 'preferences'), rare);
    const first = path.join(part, 'first.conf');
    fs.writeFileSync(first, conf(part));
    for (const name of ['lists', 'archives'])
      fs.mkdirSync(path.join(part, name, 'partial'), { recursive: true });
    execute('apt-get', ['update', '-q', '-o', 'APT::Update::Error-Mode=any'], {
      env: { ...process.env, APT_CONFIG: first },
    });
    fs.writeFileSync(path.join(part, 'apt.conf'), conf(folder));
  });
  return env;
}

/**
 * Unpacks packages (`name`, `name:arm64`, `name/sid`) into a new folder; `isWhole`: with all that they depend on and this machine does not have.
 * @returns the folder
 */
async function debian(tools, name, packages, { isWhole = false, finish = () => {} } = {}) {
  const env = await apt(tools);
  return once(path.join(tools, name), (part) => {
    const archives = path.join(part, 'archives');
    fs.mkdirSync(path.join(archives, 'partial'), { recursive: true });
    if (isWhole) {
      const where = ['-o', `Dir::Cache::archives=${archives}/`];
      const only = ['--download-only', '--no-install-recommends', '--reinstall', '-y', '-q'];
      execute('apt-get', ['install', ...only, ...where, ...packages], { env });
    } else execute('apt-get', ['download', '-q', ...packages], { env, cwd: archives });
    for (const file of fs.readdirSync(archives).filter((one) => one.endsWith('.deb')))
      execute('dpkg-deb', ['-x', path.join(archives, file), part]);
    fs.rmSync(archives, { recursive: true });
    return finish(part);
  });
}

module.exports = { UNSTABLE, debian };
