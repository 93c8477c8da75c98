// What the main thread of each variant spends its time on, by V8's sampler: npm run bench:apps --
// APP --cpu-profile DIR

const fs = require('node:fs');
const path = require('node:path');
const { warmUp, withServers } = require('../method/servers.js');

const LONG = 10; // slices of a closed loop
const SHOWN = 8; // functions of each variant

const ROOT = path.join(__dirname, '..', '..');

/** Whose code a function is; null: none, the thread waits. */
function ownerOf({ functionName, url }) {
  if (functionName === '(idle)') return null;
  if (functionName === '(garbage collector)') return 'collections';
  const file = url.replace(/^file:\/\//, '');
  if (file === '') return 'C++'; // and what V8 does not tell apart
  if (file.startsWith('node:')) return "Node's";
  if (file.includes('/node_modules/')) return 'packages';
  if (file.startsWith(path.join(ROOT, 'lib'))) return 'ralloc';
  if (file.startsWith(path.join(ROOT, 'tools'))) return 'recorder';
  return 'application';
}

const OWNERS = ['ralloc', 'recorder', "Node's", 'packages', 'application', 'C++', 'collections'];

const nameOf = ({ functionName, url, lineNumber }) =>
  `${functionName || '(anonymous)'} ${path.basename(url)}${url === '' ? '' : `:${lineNumber + 1}`}`;

const add = (sums, key, value) => sums.set(key, (sums.get(key) ?? 0) + value);

/** Microseconds a request, by owner and by function. */
function costsOf({ nodes, samples, timeDeltas }, requests) {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const owners = new Map(OWNERS.map((name) => [name, 0]));
  const functions = new Map();
  for (const [n, id] of samples.entries()) {
    const frame = frames.get(id);
    const owner = ownerOf(frame);
    if (owner === null) continue;
    // A sample stands for what follows it, until the next.
    const us = (timeDeltas[n + 1] ?? 0) / requests;
    add(owners, owner, us);
    add(functions, nameOf(frame), us);
  }
  return { owners: Object.fromEntries(owners), functions };
}

/** What took more than in the first variant, the most first. */
function grown(functions, base) {
  const more = [...functions].map(([name, us]) => [name, us - (base.get(name) ?? 0)]);
  return more
    .filter(([, us]) => us >= 0.05)
    .sort(([, a], [, b]) => b - a)
    .slice(0, SHOWN);
}

const fileOf = (application, { name }, version) =>
  `${application}-${name.replace(/\W+/g, '-')}-${version}.cpuprofile`;

/**
 * A profile of each contender, in processes of their own that take turns: `[{ name, owners, more
 * }]`.
 */
function profile(setting, { folder, version }) {
  const seconds = LONG * setting.plan.slice;
  fs.mkdirSync(folder, { recursive: true });
  return withServers(setting, async (servers) => {
    await warmUp(servers, setting);
    const found = [];
    for (const [n, server] of servers.entries()) {
      const contender = setting.contenders[n];
      await server.call('profile');
      const { served } = await server.slice('closedLoop', { seconds }, seconds);
      const taken = await server.call('profiled');
      fs.writeFileSync(
        path.join(folder, fileOf(setting.server, contender, version)),
        JSON.stringify(taken),
      );
      found.push({ name: contender.name, ...costsOf(taken, served) });
    }
    return found.map(({ functions, ...one }) => ({
      ...one,
      more: grown(functions, found[0].functions),
    }));
  });
}

module.exports = { OWNERS, costsOf, profile };
