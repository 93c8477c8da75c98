'use strict';

// Who may require whom in lib/ and tools/, by dependency-cruiser. A room is a folder of lib/ or
// tools/, or a file of lib/ itself. A file may use its own room and the floors below: none above,
// and no other room of its floor.

/** From the top down. */
const FLOORS = [
  ['tools/cli'],
  ['tools/holders'],
  ['tools/report', 'tools/compare'],
  ['tools/placement'],
  ['tools/recorder'],
  ['lib/index'],
  ['lib/nest', 'lib/http'], // which stand on others' doors
  ['lib/express', 'lib/fastify', 'lib/koa', 'lib/hono', 'lib/profiler', 'lib/test', 'lib/auto'],
  ['lib/limit'],
  ['lib/admission'],
  ['lib/flight'],
  ['lib/debug', 'lib/metrics'],
  ['lib/request'],
  ['lib/site'],
  ['lib/arena', 'lib/slab', 'lib/region'],
  ['lib/process'],
  ['lib/budget', 'lib/node'],
  ['lib/memory'],
  ['lib/base'],
];

/**
 * What lib/profiler.js loads for a profile, and ralloc/auto for a table; lib/ loads no other file
 * of tools/.
 */
const LAZY = {
  'lib/profiler': '^tools/(?:recorder/profiler|cli/pprof)\\.js$',
  'lib/auto': '^tools/placement/trial/begin\\.js$',
};

const filesOf = (...rooms) => `^(?:${rooms.join('|')})(?:/|\\.m?js$)`;

const rule = (name, from, to) => ({ name, severity: 'error', from, to });

const downward = FLOORS.flatMap((floor, index) =>
  floor.map((room) => {
    const others = FLOORS.slice(0, index + 1).flat();
    const to = { path: filesOf(...others), pathNot: [filesOf(room), LAZY[room]].filter(Boolean) };
    return rule(`${room} uses the floors below it`, { path: filesOf(room) }, to);
  }),
);

const ANYWHERE = '^(?:lib|tools)/';
const onNoFloor = { path: ANYWHERE, pathNot: filesOf(...FLOORS.flat()) };
/** What the build bundles is absent from a fresh clone: its path is then as it was written. */
const NOT_BUNDLED_YET = '^\\..*/dist/';
const elsewhere = {
  pathNot: [ANYWHERE, '^package\\.json$', NOT_BUNDLED_YET],
  dependencyTypesNot: ['core'],
};

const OPTIONS = {
  ruleSet: {
    forbidden: [
      ...downward,
      rule('each room has a floor', onNoFloor, {}),
      rule('each room has a floor', {}, onNoFloor),
      rule('no cycles', {}, { circular: true }),
      rule('no file that nothing loads and that loads nothing', { orphan: true }, {}),
      rule('nothing but Node and itself, by files that are there', {}, elsewhere),
    ],
  },
  validate: true,
  doNotFollow: { path: ['node_modules', '^(?:lib|tools)/\\w+/dist/'] },
  exclude: { path: ['\\.d\\.ts$', '^tools/report/page/'] }, // the page is bundled by the build, of packages
  parser: 'acorn',
  moduleSystems: ['cjs', 'es6'],
};

module.exports = async (root) => {
  const { cruise } = await import('dependency-cruiser');
  const { output } = await cruise(['lib', 'tools'], { ...OPTIONS, baseDir: root });
  return output.summary.violations.map(({ from, to, cycle, rule: { name } }) => ({
    file: from,
    line: 1,
    what: `${name}: ${cycle?.map((one) => one.name).join(' → ') ?? to}`,
  }));
};
