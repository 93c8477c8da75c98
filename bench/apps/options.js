// The command line of `npm run bench:apps`.

const { parseArgs } = require('node:util');
const { number, UsageError } = require('../../demo/options.js');
const { APPLICATIONS } = require('./applications.js');
const { NAMES, USUAL } = require('./variants.js');

const LIST = Object.entries(APPLICATIONS)
  .map(([name, { about }]) => `  ${name.padEnd(14)} ${about}`)
  .join('\n');

const USAGE = `usage: npm run bench:apps -- [APP…] [options]

  --node NODE    the Node.js that the applications run on: self, a path, or a major version, which is
                 downloaded from npm; may be repeated (default: this one)
  --variant V    only this one and plain; may be repeated: ${NAMES.join(', ')}
  --blocks N     sets of fresh processes, over which intervals are taken (default 5)
  --cpu-profile DIR  instead of ratios, where the main thread's time goes: a table, and into DIR a file for each variant,
                 APP-VARIANT-NODE.cpuprofile, as DevTools open it
  --over-time    instead of ratios, memory while requests come at one rate and then rest
  --quick        whether all of it runs, no figures
  --json         raw results, one a line
  --help

Applications (default: all):
${LIST}`;

const OPTIONS = {
  node: { type: 'string', multiple: true, default: ['self'] },
  variant: { type: 'string', multiple: true, default: USUAL },
  blocks: { type: 'string' },
  'cpu-profile': { type: 'string' },
  'over-time': { type: 'boolean', default: false },
  quick: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
};

function read(args) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error.message);
  }
}

/**
 * `{ names, nodes, variants, blocks, profiles, isOverTime, quick, json, help }`, `profiles` a
 * folder or undefined; throws a UsageError that says what is wrong.
 */
function parse(args) {
  const { values, positionals } = read(args);
  const unknown = positionals.find((name) => !Object.hasOwn(APPLICATIONS, name));
  if (unknown !== undefined)
    throw new UsageError(`there is no application "${unknown}"; there are\n${LIST}`);
  const { node: nodes, variant: variants, blocks, ...more } = values;
  const { 'cpu-profile': profiles, 'over-time': isOverTime, ...rest } = more;
  const strange = variants.find((name) => !NAMES.includes(name));
  if (strange !== undefined)
    throw new UsageError(`--variant must be one of ${NAMES.join(', ')}, not "${strange}"`);
  if (blocks !== undefined && (profiles !== undefined || isOverTime))
    throw new UsageError(
      '--blocks is for ratios; with --cpu-profile and --over-time there are none',
    );
  const range = { least: 1, most: 1000, whole: true };
  return {
    ...rest,
    names: positionals.length > 0 ? positionals : Object.keys(APPLICATIONS),
    nodes,
    variants,
    profiles,
    isOverTime,
    blocks: blocks === undefined ? undefined : number(blocks, '--blocks', range),
  };
}

module.exports = { parse, USAGE, UsageError };
