'use strict';
// tier: tools

// Several files replaced at once: all of them, or none.

const { serial: test } = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { replaceFiles } = require('../../../../tools/placement/apply/replace-files.js');
const { Text } = require('../../../../lib/auto/source/text.js');
const { testWhere } = require('../../../helpers/backend.js');
const { folder } = require('../../../helpers/folder.js');

const NAMES = ['a.js', 'b.js', 'c.js'];

/** Three files that are to be replaced: { dir, replace, texts }. */
function three(t, mode = 0o644) {
  const dir = fs.realpathSync(folder(t));
  const file = (name) => path.join(dir, name);
  for (const name of NAMES) {
    fs.writeFileSync(file(name), `${name} before`);
    fs.chmodSync(file(name), mode);
  }
  const files = NAMES.map((name) => ({
    ...Text.read(file(name)),
    now: Buffer.from(`${name} now`),
  }));
  return {
    file,
    replace: () => replaceFiles(files),
    /** What is there, of temporary files too. */
    texts: () =>
      Object.fromEntries(
        fs.readdirSync(dir).map((name) => [name, fs.readFileSync(file(name), 'utf8')]),
      ),
  };
}

const all = (what) => Object.fromEntries(NAMES.map((name) => [name, `${name} ${what}`]));

test('all are replaced', (t) => {
  const { replace, texts } = three(t);
  replace();
  t.deepEqual(texts(), all('now'));
});

for (const [name, at] of NAMES.map((name, i) => [name, i])) {
  test(`none is where ${name} cannot be prepared`, (t) => {
    const { replace, texts, file } = three(t);
    const taken = `.${name}.${process.pid}.ralloc`;
    fs.writeFileSync(file(taken), 'of somebody else');
    const error = t.throws(replace, { code: 'EEXIST' });
    t.true(error.message.startsWith(`${file(name)} cannot be written: EEXIST`));
    t.true(error.message.endsWith('. Nothing was changed'));
    t.deepEqual(texts(), { ...all('before'), [taken]: 'of somebody else' });
  });

  test(`none is where ${name} was changed meanwhile`, (t) => {
    const { replace, texts, file } = three(t);
    fs.writeFileSync(file(name), 'by an editor');
    const { message } = t.throws(replace, { code: 'ESTALE' });
    t.is(message, `${file(name)} was changed meanwhile. ralloc changed nothing. Try again`);
    t.deepEqual(texts(), { ...all('before'), [name]: 'by an editor' });
  });

  test(`none is where ${name} is gone meanwhile`, (t) => {
    const { replace, texts, file } = three(t);
    fs.rmSync(file(name));
    t.throws(replace, { code: 'ENOENT' });
    const { [name]: _gone, ...others } = all('before');
    t.deepEqual(texts(), others);
  });

  test(`none is where ${name} cannot be renamed, and those before it are put back`, (t) => {
    const { replace, texts } = three(t);
    const { renameSync } = fs;
    let count = 0;
    fs.renameSync = (...args) => {
      if (count++ === at) throw Object.assign(new Error('EIO: the disk'), { code: 'EIO' });
      return renameSync(...args);
    };
    t.teardown(() => {
      fs.renameSync = renameSync;
    });
    t.throws(replace, { code: 'EIO' });
    t.deepEqual(texts(), all('before'));
  });
}

test('a disk that is full is told', (t) => {
  const { replace, texts, file } = three(t);
  const { writeFileSync } = fs;
  fs.writeFileSync = () => {
    throw Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' });
  };
  t.teardown(() => {
    fs.writeFileSync = writeFileSync;
  });
  const { message } = t.throws(replace, { code: 'ENOSPC' });
  fs.writeFileSync = writeFileSync;
  t.is(message, `${file('a.js')} cannot be written: the disk is full. Nothing was changed`);
  t.deepEqual(texts(), all('before'));
});

/** As somebody who may give files to nobody else, and to `groups` alone; returns the calls of fchown. */
function asOther(t, groups) {
  const { fchownSync, fstatSync } = fs;
  const calls = [];
  fs.fchownSync = (_descriptor, uid, gid) => {
    calls.push([uid, gid]);
    if (uid === -2 && groups.includes(gid)) return;
    throw Object.assign(new Error('EPERM: operation not permitted, fchown'), { code: 'EPERM' });
  };
  fs.fstatSync = () => ({ uid: -2, gid: -2 });
  t.teardown(() => Object.assign(fs, { fchownSync, fstatSync }));
  return calls;
}

for (const [what, isMember] of [
  ['of another owner, in a group of ours', true],
  ['of another owner and another group', false],
]) {
  testWhere(
    process.platform !== 'win32',
    'modes of files',
    `a file that we may write, ${what}, keeps its mode`,
    (t) => {
      const { replace, texts, file } = three(t, 0o6764);
      const { uid, gid } = fs.statSync(file('a.js'));
      const calls = asOther(t, isMember ? [gid] : []);
      replace();
      t.deepEqual(calls.slice(0, 2), [
        [uid, gid],
        [-2, gid],
      ]);
      t.deepEqual(texts(), all('now'));
      t.is(
        fs.statSync(file('b.js')).mode & 0o7777,
        0o764,
        "with another owner's rights for nobody",
      );
    },
    test,
  );
}
