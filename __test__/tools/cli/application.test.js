'use strict';
// tier: tools

// An application that a verb starts, and the signals that its launcher gets.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { startApplication } = require('../../../tools/cli/application.js');
const { posixTest } = require('../../helpers/backend.js');
const { writtenBy } = require('../../helpers/cli.js');
const { fixturePath } = require('../../helpers/child.js');
const { Clock } = require('../../helpers/clock.js');
const { folder } = require('../../helpers/folder.js');
const { until } = require('../../helpers/until.js');

const PRELOAD = fixturePath('tools/cli/nothing.js');

/** One that hears SIGTERM and goes on, with a launcher in this process: `term()` is a SIGTERM to it, and done when the application has heard it. */
async function launched(t, ...args) {
  const clock = new Clock();
  const file = path.join(folder(t), 'heard');
  const heard = (count) =>
    until(() => fs.existsSync(file) && fs.readFileSync(file, 'latin1').startsWith(`${count} `));
  const before = process.listeners('SIGTERM');
  const command = [process.execPath, fixturePath('tools/cli/ignores-term.js'), file, ...args];
  const ended = writtenBy(
    () => startApplication(command, process.env, { verb: 'profile', preload: PRELOAD }).ended,
  );
  const [pass] = process.listeners('SIGTERM').filter((one) => !before.includes(one));
  await heard(0);
  const pid = Number(fs.readFileSync(file, 'latin1').split(' ')[1]);
  let isOver = false;
  ended.then(() => {
    isOver = true;
  });
  t.teardown(() => isOver || process.kill(pid, 'SIGKILL'));
  let terms = 0;
  const term = () => {
    clock.use(() => pass('SIGTERM'));
    return heard(++terms);
  };
  return { clock, ended, term };
}

posixTest(
  'an application that SIGTERM does not end gets SIGKILL later, and that is said',
  async (t) => {
    const { clock, ended, term } = await launched(t);
    await term();
    clock.pass(14_000);
    await term(); // a second one does not put it off
    const { stderr } = await writtenBy(() => clock.pass(1000));
    t.is(stderr, 'ralloc: SIGTERM has not ended the application within 15 s: it gets SIGKILL\n');
    t.is((await ended).result.code, 128 + 9);
  },
  test.serial,
);

posixTest(
  'one that ends in time keeps its exit code, and nothing is said',
  async (t) => {
    const { clock, ended, term } = await launched(t, '2');
    await term();
    const { stderr } = await writtenBy(() => clock.pass(14_999));
    await Promise.all([term(), ended]);
    const { result } = await ended;
    t.is(result.code, 3);
    t.is(stderr, '');
  },
  test.serial,
);
