'use strict';
// tier: run-time

// Debug mode's settings: what the environment says, what configureDebug() changes, and who hears of it.

const { serial: test } = require('ava');
const { Arena, configureDebug } = require('../..');
const { Clock } = require('../helpers/clock.js');
const { fresh } = require('../helpers/fresh.js');
const { until } = require('../helpers/until.js');
const { warned } = require('../helpers/warned.js');

const { LEVELS } = fresh('debug/settings.js');

function setEnvironment(variables) {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}

/** The level where the environment has these variables for a moment: { level }, or the error. `load` loads what reads them. */
function levelOf(env, load) {
  const names = Object.keys(env);
  const before = Object.fromEntries(names.map((name) => [name, process.env[name]]));
  const { settings, start } = fresh('debug/settings.js');
  setEnvironment(env);
  try {
    (load ?? start)();
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

for (const word of ['', 'fulll', '2', 'toString', '__proto__']) {
  test(`RALLOC_DEBUG='${word}' is ignored`, (t) => {
    t.deepEqual(levelOf({ RALLOC_DEBUG: word }), { level: 'off' });
    const env = { RALLOC_DEBUG: word, NODE_ENV: 'development' };
    t.deepEqual(levelOf(env), { level: 'sample' });
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
    const told = warned(t, 'RALLOC_WRONG_VALUE', `RALLOC_DEBUG is '${door}'`);
    levelOf({ RALLOC_DEBUG: door }, () => fresh(`${door}.js`));
    await until(() => told.length > 0);
    t.is(told.length, 1);
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
    for (const change of [configure, configureDebug])
      t.throws(() => change(given), { name, code: 'ERR_RALLOC_INVALID_ARGUMENT', message });
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

// Functions that debug mode replaces, beside what a program's tests put in their place.

/** Of ralloc, and of Node. */
const PLACES = [
  [Arena.prototype, 'allocUnsafe'],
  [Buffer.prototype, 'toString'],
];

const level = (value, copy = { configureDebug }) => copy.configureDebug({ level: value });

/** As a spy: what it replaces is called. Returns what takes it off. */
function spyOn(object, name) {
  const before = object[name];
  object[name] = function (...args) {
    return Reflect.apply(before, this, args);
  };
  return () => {
    object[name] = before;
  };
}

/** How deep the stack is where Buffer#toString() asks for a number that it was given. */
function depthOfToString() {
  let depth;
  const { prepareStackTrace, stackTraceLimit } = Error;
  Error.stackTraceLimit = 100;
  Error.prepareStackTrace = (_error, sites) => sites.length;
  const end = {
    valueOf() {
      depth = new Error().stack;
      return 0;
    },
  };
  try {
    Buffer.from('text').toString('latin1', end);
  } finally {
    Object.assign(Error, { prepareStackTrace, stackTraceLimit });
  }
  return depth;
}

test.afterEach.always(() => level('off'));

for (const [object, name] of PLACES) {
  test(`${name}: a spy of it that is made while debug mode is on, and taken off afterwards, leaves what the next time puts back`, (t) => {
    const own = object[name];
    for (let i = 0; i < 3; i++) {
      level('full');
      const takeOff = spyOn(object, name);
      level('off');
      takeOff();
    }
    level('full');
    level('off');
    t.is(object[name], own);
  });
}

test('copies that are turned on and off in turns never stand on each other twice', (t) => {
  const other = fresh('index.js');
  const own = Buffer.prototype.toString;
  const depths = [];
  const before = depthOfToString();
  t.is(typeof before, 'number');
  for (let i = 0; i < 5; i++) {
    level('full');
    level('full', other);
    level('off');
    level('off', other);
    depths.push(depthOfToString() - before);
  }
  t.true(Math.max(...depths) <= 2, String(depths));
  level('full');
  level('off');
  t.is(Buffer.prototype.toString, own);
});

// Which allocations are watched: in a clock that the test moves.

/** `settings`: level and rate. */
function sampling(settings) {
  const clock = new Clock();
  const module = clock.use(() => {
    const made = fresh('debug/watch/sampling.js', { 'debug/settings.js': { settings } });
    made.restart();
    return made;
  });
  /** How many of `count` allocations are watched. */
  const allocate = (count) =>
    clock.use(() => {
      let watched = 0;
      for (let i = 0; i < count; i++) if (module.isNext()) watched++;
      return watched;
    });
  return {
    clock,
    settings,
    restart: () => clock.use(module.restart),
    allocate,
    /** The same of `count` in each of so many periods. */
    allocateIn(periods, count) {
      let watched = 0;
      for (let i = 0; i < periods; i++) {
        watched += allocate(count);
        clock.pass(200);
      }
      return watched;
    },
  };
}

for (const [what, of, count] of [
  ['full watches all', { level: 'full', sampleEvery: 128 }, 10_000],
  ['off watches none', { level: 'off', sampleEvery: 1 }, 0],
  ['who asks for each of them gets each of them', { level: 'sample', sampleEvery: 1 }, 10_000],
]) {
  test(what, (t) => {
    t.is(sampling(of).allocate(10_000), count);
  });
}

test('sample watches one of so many, and those of a period do not count in the next one', (t) => {
  const watchedIn = (periods, count, sampleEvery) =>
    sampling({ level: 'sample', sampleEvery }).allocateIn(periods, count);
  const [some, half] = [watchedIn(100, 80, 8), watchedIn(40, 30, 2)];
  t.true(some > 800 && some < 1200, `${some} of 8000`);
  t.true(half > 520, `${half} of 1200`);
});

test('of a thread that allocates very much there are 20 in 200 ms, and then others', (t) => {
  const { allocate, clock } = sampling({ level: 'sample', sampleEvery: 128 });
  t.is(allocate(1_000_000), 20);
  clock.pass(199);
  t.is(allocate(1_000_000), 0);
  clock.pass(1);
  t.is(allocate(1_000_000), 20);
  t.deepEqual(
    clock.timers.map(({ refed }) => refed),
    [false],
    'and the process does not wait for the next',
  );
});

test('what is configured holds at once, also where nothing is watched for the time being', (t) => {
  const { allocate, restart, settings, clock } = sampling({ level: 'sample', sampleEvery: 2 });
  t.is(allocate(1000), 20);
  settings.level = 'full';
  restart();
  t.is(allocate(1000), 1000);
  t.deepEqual(clock.timers, []);
});
