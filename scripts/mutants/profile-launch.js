'use strict';

const session = ['tools/recorder/session.test.js'];
const writer = ['tools/recorder/writer.test.js'];
const launch = ['tools/recorder/launch.test.js'];
const preload = ['tools/recorder/preload.test.js'];
const cli = ['tools/cli/cli.test.js'];
const verb = ['tools/cli/profile.test.js'];
const profiler = ['tools/recorder/profiler.test.js'];
const outputs = ['tools/cli/outputs.test.js'];

module.exports = [
  {
    file: 'tools/recorder/session.js',
    tests: session,
    mutants: {
      'no block at the start': [
        '      this.#append();\n    } catch (error) {\n      this.#close();',
        '    } catch (error) {\n      this.#close();',
      ],
      'a file that cannot be written leaves the recorder running': [
        '      this.#close();\n      throw error;',
        '      throw error;',
      ],
      'a next file without its sites': [
        'if (this.#writer.turn() || this.#isAppending) this.#recorder.tellAgain();',
        'this.#writer.turn();',
      ],
      'no timer': ['    time.outside(() => this.#schedule());\n', ''],
      'one timer only': ['      this.flush();\n      this.#schedule();', '      this.flush();'],
      'the end is not heard': ["    process.prependListener('exit', this.#onExit);\n", ''],
      'behind the listeners of the application': ['process.prependListener(', 'process.on('],
      'its listener stays': ["    process.off('exit', this.#onExit);\n", ''],
      'each sample writes': [
        'if (Math.floor(time.wall() / SLOT_MS) !== this.#slot) this.flush();',
        'this.flush();',
      ],
      'no sample writes': [
        'if (Math.floor(time.wall() / SLOT_MS) !== this.#slot) this.flush();',
        '',
      ],
      'each message writes': [
        'if (time.now() - this.#flushed >= POST_MS) this.flush();',
        'this.flush();',
      ],
      'ends twice': ['  end() {\n    if (this.isOver) return;\n', '  end() {\n'],
      'a failure is thrown into the application': [
        '      this.#append();\n    } catch (error) {\n      this.#fail(error);',
        '      this.#append();\n    } catch (error) {\n      this.#fail(error);\n      throw error;',
      ],
      'a failure is not told': ['    this.#onFailure(error);\n', ''],
      'the file stays open where the recorder fails': [
        '    try {\n      this.#recorder.stop();\n    } finally {\n      this.#writer.close();\n      this.#onOver?.();\n    }',
        '    this.#recorder.stop();\n    this.#writer.close();\n    this.#onOver?.();',
      ],
      'a timer of before stays': ['    time.clearTimeout(this.#timer);\n', ''],
    },
  },
  {
    file: 'tools/recorder/write-file.js',
    tests: outputs,
    mutants: { 'any file is replaced': ['    checkOwn(file, kind);\n', ''] },
  },
  {
    file: 'tools/recorder/recording.js',
    tests: outputs,
    mutants: {
      'devices without an end are read': [
        '    if (fs.fstatSync(descriptor).isCharacterDevice()) throw foreignError(file);\n',
        '',
      ],
    },
  },
  {
    file: 'tools/cli/application.js',
    tests: ['tools/cli/application.test.js'],
    mutants: {
      'what SIGTERM does not end goes on': [
        "if (isThere && signal === 'SIGTERM') deadline",
        'if (false) deadline',
      ],
    },
  },
  {
    file: 'tools/cli/print.js',
    tests: outputs,
    mutants: {
      'messages that nobody reads end it': ["process.stderr.on('error', () => {});", ''],
      'names write over the terminal': ['text.replace(CONTROLS,', 'text.replace(/$^/,'],
    },
  },
  {
    file: 'tools/cli/report.js',
    tests: outputs,
    mutants: { 'a name has many lines': ["text.replace(/\\s+/g, ' ')", 'text'] },
  },
  {
    file: 'tools/recorder/writer.js',
    tests: writer,
    mutants: {
      'a pipe is opened': ['    refusePipe(file);\n', '', { tests: verb }],
      'any file is emptied': [
        "    for (const one of [file, ...after]) checkOwn(one, 'profile');\n",
        '',
      ],
      'any file is appended to': ['      checkAppended(file);\n', '', { tests: profiler }],
      'an earlier profile stays': ["    writeFileSync(file, '');\n", ''],
      'writers do not append': [
        'openSync(this.file, O_WRONLY | O_APPEND | flags);',
        'openSync(this.file, O_WRONLY | flags);',
      ],
      "a descriptor is the writer's for ever": [
        'return dev === this.#dev && ino === this.#ino;',
        'return true;',
      ],
    },
  },
  {
    file: 'tools/recorder/errors.js',
    tests: writer,
    mutants: {
      'an error of the system without the file': [
        'throw unwritableError(file, error, what);',
        'throw error;',
      ],
    },
  },
  {
    file: 'auto/signals.js',
    tests: launch,
    mutants: {
      'a signal does not end it': ['    endBy(signal);\n', ''],
      'it ends before its profile': ['    attempt(this.#onDeath);\n', ''],
      'no turn for a signal at the end': [
        '    patchEnd(new Patches(), () => this.#needsTurn());\n',
        '',
      ],
      'a turn at each end': ['!this.#hadTurn && this.#isWatching()', 'true'],
      'the application does not decide': ["    process.on('newListener', this.#onListener);\n", ''],
      'not heard again': ["    process.on('removeListener', this.#onListenerGone);\n", ''],
    },
  },
  {
    file: 'auto/last-turn.js',
    tests: launch,
    mutants: {
      'a turn for an end that the application tells': ['calledByNode(emit) && ', ''],
    },
  },
  {
    file: 'tools/recorder/preload.js',
    tests: preload,
    mutants: {
      'an error of a wrong start is only warned of': [
        '    if (!options.append) throw error;\n',
        '',
      ],
      'threads and children are not told': ['    passOn(options);\n', '', { tests: launch }],
      'npm is recorded': ['  if (isMainThread && isStarter()) return;\n', '', { tests: verb }],
      'the launcher is not told': [
        '    runNotes.stop(options.notes, error);\n',
        '',
        { tests: verb },
      ],
      'a process that is killed is not missed': [
        '    if (isMainThread) runNotes.begin(notes); // workers usually end without leaving a note\n',
        '',
        { tests: launch },
      ],
      'one that came to its end is missed': [
        'record(recorded, onFailure, () => runNotes.end(notes))',
        'record(recorded, onFailure)',
        { tests: launch },
      ],
    },
  },
  {
    file: 'tools/cli/index.js',
    tests: cli,
    mutants: {
      'help of a verb runs it': [
        'asksForHelp ? showHelp([name], verbs) : start(name, verb, rest)',
        'start(name, verb, rest)',
      ],
      'help of the application is ours': ['const [own] = split(rest);', 'const own = rest;'],
      'wrong arguments are a failure': [
        'argv[0]}`);\n    return MISUSED;',
        'argv[0]}`);\n    return FAILED;',
      ],
      'a bug without its stack': ['isBug ? error.stack : error.message', 'error.message'],
      'any property is a verb': [
        'if (Object.hasOwn(verbs, name)) return',
        'if (verbs[name]) return',
      ],
    },
  },
  {
    file: 'tools/cli/profile.js',
    tests: verb,
    mutants: {
      'variables of before reach the application': [
        '  for (const name of Object.keys(VARIABLES)) delete env[name];\n',
        '',
      ],
      'an empty profile stays': [
        '    if (isEmptyFile(options.file)) fs.rmSync(options.file);\n',
        '',
      ],
    },
  },
  {
    file: 'tools/recorder/options.js',
    tests: verb,
    mutants: {
      'the options of the user are lost': ['{others ?', '{false ?'],
      'a path is not quoted': ["preload.replaceAll(/[\"\\\\]/g, '\\\\$&')", 'preload'],
    },
  },
  {
    file: 'tools/cli/application.js',
    tests: verb,
    mutants: {
      'not whole is a success': ['return code === 0 && !isWhole ? FAILED : code;', 'return code;'],
      'not whole hides the exit code': [
        'return code === 0 && !isWhole ? FAILED : code;',
        'return isWhole ? code : FAILED;',
      ],
      'another signal ends ralloc': [
        '      if (signal !== null) process.kill(process.pid, signal);\n',
        '',
        { tests: launch },
      ],
      'signals are not passed on': [
        'OF_TERMINALS.includes(signal))) send(signal);',
        'OF_TERMINALS.includes(signal))) signal;',
        { tests: launch },
      ],
    },
  },
];
