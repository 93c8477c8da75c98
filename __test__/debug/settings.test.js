'use strict';
// tier: run-time

// Debug mode's settings: what the environment says, what configureDebug() changes, and who hears of it.

const { serial: test } = require('ava');
const ralloc = require('../..');
const { configureDebug } = ralloc;
const { run } = require('../helpers/child.js');
const { fresh } = require('../helpers/fresh.js');

const { LEVELS } = fresh('debug/settings.js');

/** The level in a process whose environment has these: { level }, or the error. */
async function levelWith(env, ...args) {
  const { result, stderr } = await run('debug/level.js', { env, args });
  return result ?? stderr;
}

function setEnvironment(variables) {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}

/** The same of this process, which has them for a moment. */
function levelOf(env) {
  const names = Object.keys(env);
  const before = Object.fromEntries(names.map((name) => [name, process.env[name]]));
  const { settings, start } = fresh('debug/settings.js');
  setEnvironment(env);
  try {
    start();
    return { level: settings.level };
  } catch ({ name, code, message }) {
    return { name, code, message };
  } finally {
    setEnvironment(before);
  }
}

const words = {
  off: 'off',
  0: 'off',
  false: 'off',
  '': 'off',
  sample: 'sample',
  full: 'full',
  1: 'full',
  true: 'full',
};

for (const [word, level] of Object.entries(words)) {
  test(`RALLOC_DEBUG='${word}' means '${level}', also in production`, (t) => {
    const env = { RALLOC_DEBUG: word };
    t.deepEqual(levelOf({ ...env, NODE_ENV: 'development' }), { level });
    t.deepEqual(levelOf({ ...env, NODE_ENV: 'production' }), { level });
  });
}

for (const word of ['Full', 'on', 'yes', ' off', '2', 'toString', '__proto__']) {
  test(`RALLOC_DEBUG='${word}' is an error when ralloc is loaded`, (t) => {
    t.deepEqual(levelOf({ RALLOC_DEBUG: word }), {
      name: 'RangeError',
      code: 'ERR_RALLOC_INVALID_ARGUMENT',
      message: `RALLOC_DEBUG must be 'off' (or '0', 'false'), 'sample' or 'full' (or '1', 'true'). Received '${word}'`,
    });
  });
}

test('without it development is sampled, and nothing else', (t) => {
  const levelAs = (NODE_ENV) => levelOf({ RALLOC_DEBUG: undefined, NODE_ENV });
  t.deepEqual(levelAs('development'), { level: 'sample' });
  for (const other of ['production', 'test', 'Development', '', undefined])
    t.deepEqual(levelAs(other), { level: 'off' }, other);
});

for (const door of ['express', 'fastify', 'koa', 'hono', 'http', 'nest']) {
  test(`ralloc/${door} reads it too`, async (t) => {
    t.deepEqual(await levelWith({ RALLOC_DEBUG: 'sample' }, door), { level: 'sample' });
    t.is((await levelWith({ RALLOC_DEBUG: 'some' }, door)).code, 'ERR_RALLOC_INVALID_ARGUMENT');
  });
}

test('an environment that cannot be read counts as one without it', (t) => {
  const get = () => {
    throw new Error('NotCapable: Requires env access');
  };
  const { settings, start } = fresh('debug/settings.js');
  const own = Object.getOwnPropertyDescriptor(process, 'env');
  Object.defineProperty(process, 'env', { value: new Proxy({}, { get }), configurable: true });
  try {
    start();
  } finally {
    Object.defineProperty(process, 'env', own);
  }
  t.is(settings.level, 'off');
});

test('configureDebug() changes what it is given, and returns nothing', (t) => {
  const { configure, settings } = fresh('debug/settings.js');
  t.deepEqual(settings, { level: 'off', sampleEvery: 128, stackDepth: 16, report: null });
  const report = () => {};
  configure({ level: 'sample', stackDepth: 64 });
  configure({ report, sampleEvery: 2 ** 31 - 1 });
  t.deepEqual(settings, { level: 'sample', sampleEvery: 2 ** 31 - 1, stackDepth: 64, report });
  configure({ level: undefined });
  configure({});
  configure({ report: null, sampleEvery: 1, stackDepth: 1 });
  t.deepEqual(settings, { level: 'sample', sampleEvery: 1, stackDepth: 1, report: null });
  t.is(configureDebug({}), undefined);
});

const refused = [
  [undefined, 'TypeError', /"options" argument must be an object. Received undefined/],
  [null, 'TypeError', /"options" argument must be an object/],
  [['full'], 'TypeError', /"options" argument must be an object/],
  ['full', 'TypeError', /"options" argument must be an object/],
  [{ level: 'some' }, 'RangeError', /"options.level".*one of 'off', 'sample', 'full'/],
  [{ level: true }, 'TypeError', /"options.level".*of type string/],
  [{ level: null }, 'TypeError', /"options.level".*of type string/],
  [{ sampleEvery: 0 }, 'RangeError', /"options.sampleEvery".*>= 1 and <= 2147483647/],
  [{ sampleEvery: -5 }, 'RangeError', /"options.sampleEvery"/],
  [{ sampleEvery: 1.5 }, 'RangeError', /"options.sampleEvery"/],
  [{ sampleEvery: 2 ** 31 }, 'RangeError', /"options.sampleEvery"/],
  [{ sampleEvery: Number.NaN }, 'RangeError', /"options.sampleEvery"/],
  [{ sampleEvery: '128' }, 'TypeError', /"options.sampleEvery".*of type number/],
  [{ stackDepth: 0 }, 'RangeError', /"options.stackDepth".*>= 1 and <= 64/],
  [{ stackDepth: 65 }, 'RangeError', /"options.stackDepth"/],
  [{ stackDepth: Number.POSITIVE_INFINITY }, 'RangeError', /"options.stackDepth"/],
  [{ report: 'console' }, 'TypeError', /"options.report".*of type function, or null/],
  [{ report: false }, 'TypeError', /"options.report"/],
  [{ every: 5 }, 'TypeError', /Unknown option "every"/],
  [{ sampleevery: 5 }, 'TypeError', /Did you mean "sampleEvery"/],
];

test('what is wrong is a typed error, and nothing changes', (t) => {
  const { configure, onLevel, settings } = fresh('debug/settings.js');
  onLevel(() => t.fail('the level has changed'));
  const before = { ...settings };
  for (const [given, name, message] of refused) {
    t.throws(() => configure(given), { name, code: 'ERR_RALLOC_INVALID_ARGUMENT', message });
    const rest = { level: 'full', sampleEvery: 2, stackDepth: 2, report() {} };
    if (given !== undefined && given?.constructor === Object) {
      t.throws(() => configure({ ...rest, ...given }), { name, message });
    }
  }
  const failing = {
    sampleEvery: 2,
    get level() {
      throw new Error('of the caller');
    },
  };
  t.throws(() => configure(failing), { message: 'of the caller' });
  t.deepEqual(settings, before);
});

test('the public function refuses the same', (t) => {
  for (const [given, name, message] of refused) {
    t.throws(() => configureDebug(given), { name, message });
  }
});

test('who follows the level hears of each change, and at once of one that is on', (t) => {
  const { configure, onLevel, settings } = fresh('debug/settings.js');
  const heard = [];
  onLevel((level, before) => heard.push([level, before, settings.level]));
  const every = [];
  onLevel(() => every.push(settings.sampleEvery));
  for (const level of ['off', 'sample', 'sample', 'full', 'off']) configure({ level });
  configure({ level: 'full', sampleEvery: 5 });
  t.deepEqual(every, [128, 128, 128, 5]);
  const expected = [
    ['sample', 'off', 'sample'],
    ['full', 'sample', 'full'],
    ['off', 'full', 'off'],
    ['full', 'off', 'full'],
  ];
  t.deepEqual(heard, expected);
  const late = [];
  onLevel((...given) => late.push([...given, settings.sampleEvery]));
  t.deepEqual(late, [['full', 'off', 5]]);
});

test('a change that was cut off is told again, whoever asks for the same level', (t) => {
  const { configure, onLevel } = fresh('debug/settings.js');
  const heard = [];
  let isCutOff = true;
  onLevel((level, before) => {
    heard.push([level, before]);
    if (isCutOff) throw new RangeError('the stack ends');
  });
  t.throws(() => configure({ level: 'full' }), { message: 'the stack ends' });
  isCutOff = false;
  configure({ level: 'full' });
  configure({ level: 'full' });
  t.deepEqual(heard, [
    ['full', 'off'],
    ['full', 'off'],
  ]);
});

test('what needs debug mode says so while it is off', (t) => {
  const { checkOn, configure, isOn } = fresh('debug/settings.js');
  t.false(isOn());
  const message = /^verify\(\) needs debug mode: set RALLOC_DEBUG=full, or call configureDebug/;
  t.throws(() => checkOn('verify()'), { code: 'ERR_RALLOC_UNSUPPORTED', message });
  for (const level of LEVELS.slice(1)) {
    configure({ level });
    t.true(isOn());
    t.notThrows(() => checkOn('verify()'));
  }
});
