'use strict';

// An application of a rehearsal: one package manager installs ralloc into it, in one of the ways that people do, and a program
// uses it.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { execute, findNpm } = require('../../__test__/helpers/package/npm.js');
const { ELSEWHERE, MANAGERS } = require('./managers.js');
const { TARGETS, hostTriple } = require('./targets.js');

const PROGRAM = `
const warnings = [];
process.on('warning', ({ code, message }) => warnings.push({ code, message }));
const { Arena, backend, version } = require('ralloc');
const arena = new Arena();
const text = arena.from('from the arena').toString();
arena.close();
setImmediate(() => console.log(JSON.stringify({ backend, version, text, warnings })));
`;

/** With its tag: pnpm 12 asks for one by an address that the registry on loopback does not have. */
const SPEC = 'ralloc@latest';

const HOST = TARGETS[hostTriple()]?.platform;

/** An application that one manager installs ralloc into. */
class Application {
  #manager;
  #command;
  #env;
  folder;
  /** What its command is called. */
  manager;

  constructor(name, folder, { modules, env }) {
    this.folder = folder;
    [this.manager] = name.split('-');
    this.#manager = MANAGERS[name];
    this.#command = this.#manager.command(modules, findNpm());
    this.#env = { ...env, ...this.#manager.env(env.HOME), CI: 'true' };
    fs.mkdirSync(folder, { recursive: true });
    this.#write('package.json', JSON.stringify({ name, version: '1.0.0', private: true }));
    this.#write('use.cjs', PROGRAM);
  }

  #write(name, text) {
    fs.writeFileSync(path.join(this.folder, name), text);
  }

  /** Runs the manager. */
  async call(args, elsewhere = false) {
    const { folder: app } = this;
    const files = this.#manager.files(this.#env.npm_config_registry, elsewhere);
    for (const [name, text] of Object.entries(files)) {
      const isLock = name.endsWith('.lock'); // which only says where the application begins
      if (!isLock || !fs.existsSync(path.join(app, name))) this.#write(name, text);
    }
    const [file, ...before] = this.#command({ app, elsewhere });
    const { code, stdout, stderr } = await execute(file, [...before, ...args], {
      cwd: app,
      env: this.#env,
    });
    if (code !== 0)
      throw new Error(`${args.join(' ')} ended with ${code}: ${`${stdout}${stderr}`.trim()}`);
  }

  /** What the manager put there, but for its lockfile. */
  clear() {
    for (const name of ['node_modules', '.yarn', '.pnp.cjs', '.pnp.loader.mjs'])
      fs.rmSync(path.join(this.folder, name), { recursive: true, force: true });
  }

  /** The platforms whose binaries are installed. */
  installed() {
    const found = fs
      .readdirSync(this.folder, { recursive: true })
      .map((file) => /(?:^|[\\/])ralloc\.([\w-]+)\.node$/.exec(file)?.[1]);
    return [...new Set(found.filter((one) => one !== undefined))].sort();
  }

  /** What a program says that uses ralloc here. */
  async use() {
    const [file, ...before] = this.#manager.run(this.folder);
    const { code, stdout, stderr } = await execute(file, [...before, 'use.cjs'], {
      cwd: this.folder,
      env: this.#env,
    });
    if (code !== 0) throw new Error(`the program ended with ${code}: ${stderr.trim()}`);
    return JSON.parse(stdout);
  }
}

/** With memory of the binary; a manager may have brought those of other platforms as well. */
async function isNative(application, version) {
  const { backend, warnings, ...used } = await application.use();
  const told = warnings.map(({ message }) => message).join('; ');
  if (backend !== 'native') throw new Error(`the fallback serves: ${told}`);
  assert.deepEqual(used, { version, text: 'from the arena' });
  assert.equal(told, '');
  const others = application.installed().filter((one) => one !== HOST);
  return others.length === 0 ? 'native' : `native, and ${others.join(', ')} beside it`;
}

/** On the fallback, with one warning that has the command; and in native memory when the manager was given that. */
async function isFallback(application, version) {
  const { backend, warnings } = await application.use();
  assert.equal(backend, 'js');
  assert.equal(warnings.length, 1);
  const command = /\. To install it: (\w+) (.+)$/.exec(warnings[0].message);
  if (command === null || command[1] !== application.manager)
    throw new Error(`the warning is: ${warnings[0].message}`);
  await application.call(command[2].split(' '));
  return `the fallback; by its command ${await isNative(application, version)}`;
}

/** By the heading of their columns. Each gets an application that is empty, and returns what a reader of the table should know. */
const WAYS = {
  'as it comes': async (application, { add }, version) => {
    await application.call([...add, SPEC]);
    return isNative(application, version);
  },
  'without optional packages': async (application, { add, omit }, version) => {
    if (omit === undefined) return '–';
    await application.call([...add, ...omit, SPEC]);
    return isFallback(application, version);
  },
  'without scripts': async (application, { add, ignoreScripts }, version) => {
    await application.call([...add, ...ignoreScripts, SPEC]);
    return isNative(application, version);
  },
  [`from a lockfile of ${ELSEWHERE.platform}`]: async (application, manager, version) => {
    await application.call([...manager.add, ...manager.onElsewhere, SPEC], true);
    const there = application.installed();
    if (there.includes(HOST) || !there.includes(ELSEWHERE.platform))
      throw new Error(`on ${ELSEWHERE.platform} it installs ${there.join(', ') || 'no binary'}`);
    application.clear();
    await application.call(manager.frozen);
    return isNative(application, version);
  },
};

module.exports = { Application, HOST, WAYS };
