'use strict';
// tier: run-time

// The values of RALLOC_MEMORY_LIMIT, and the flags of ralloc run --memory-limit.

const test = require('ava');
const { bytesOf, limitVariables } = require('../../lib/limit/setting.js');
const { ralloc } = require('../helpers/profile.js');

const GiB = 2 ** 30;

for (const [text, bytes] of [
  ...[
    ['container', 4 * GiB],
    ['536870912', 2 ** 29],
    ['512m', 2 ** 29],
    ['2g', 2 * GiB],
    ['512Mi', 2 ** 29],
  ],
  ...[
    ['2Gi', 2 * GiB],
    ['512M', 512e6],
    ['1G', 1e9],
    ['1.5Gi', 1.5 * GiB],
    ['75%', 3 * GiB],
    ['100 m', 100 * 2 ** 20],
  ],
])
  test(`${text}, with 4 GiB at hand, is ${bytes} bytes`, (t) => {
    t.is(bytesOf(text, 4 * GiB), bytes);
  });

for (const text of ['12x', '-1', '1e9', 'Container', '%', '512mb', '0', '0%', '0.1'])
  test(`'${text}' is none`, (t) => {
    t.regex(bytesOf(text, 4 * GiB), /it takes 'container', a size|a server needs memory/);
  });

test("the launcher sets half of the limit as V8's heap, and leaves what the user has set", (t) => {
  const set = limitVariables('512Mi', { NODE_OPTIONS: '--no-warnings' }, ['node', 'a.js']);
  t.deepEqual(set, {
    RALLOC_MEMORY_LIMIT: '512Mi',
    NODE_OPTIONS: '--max-old-space-size=232 --max-semi-space-size=8 --no-warnings',
  });
  for (const [env, words] of [
    [{ NODE_OPTIONS: '--max_old_space_size=900' }, []],
    [{}, ['node', '--max-old-space-size=900', 'a.js']],
    [{}, ['node', '--max-heap-size=900', 'a.js']],
  ])
    t.deepEqual(limitVariables('512Mi', env, words), { RALLOC_MEMORY_LIMIT: '512Mi', ...env });
  const shared = limitVariables('512Mi', { RALLOC_MEMORY_WORKERS: '2' }, []);
  t.is(shared.NODE_OPTIONS, '--max-old-space-size=104 --max-semi-space-size=8');
});

const launched = (limit, program) =>
  ralloc(['run', '--memory-limit', limit, '--', process.execPath, '-e', program]);

test('ralloc run --memory-limit: the application has the limit and the heap', async (t) => {
  const program =
    'console.log(process.env.RALLOC_MEMORY_LIMIT, process.env.NODE_OPTIONS.includes("--max-old-space-size=232"))';
  const { code, stdout } = await launched('512Mi', program);
  t.deepEqual([code, stdout.trim()], [0, '512Mi true']);
});

test('ralloc run --memory-limit with a wrong value starts nothing, and says what it takes', async (t) => {
  const { code, stderr } = await launched('12x', '1');
  t.is(code, 2);
  t.regex(stderr, /--memory-limit is '12x': it takes 'container', a size such as 512Mi/);
});
