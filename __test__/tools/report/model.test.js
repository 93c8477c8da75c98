'use strict';
// tier: tools

// What a report says of a profile: lines, their sums, and what stands out.

const test = require('ava');
const path = require('node:path');
const { recording, reportOf: report, site } = require('../../helpers/recorded.js');
const { folder, service } = require('../../helpers/service.js');
const { Profile } = require('../../helpers/sums.js');

/** Of the sum of blocks, as `ralloc merge` writes it. */
function reportOfSum(blocks) {
  const profile = new Profile();
  for (const block of blocks) profile.add(block);
  return report([], profile.toBuffer());
}

const lineOf = ({ lines }, name) => lines.find(({ path, line }) => `${path}:${line}` === name);
const kindsOf = ({ findings }) => findings.map(({ kind }) => kind);

/** A recording of one site. */
function single(source, frames, behaviour, options) {
  const one = { site: site(source, frames), size: 1000, perSecond: 100_000, ...behaviour };
  return recording({ behaviours: [one], ...options });
}

const AT = ['f /a/b.js:3:4'];

test('the lines, the costliest first, with the paths below the application’s folder', (t) => {
  const { lines, folder: common } = report(service());
  t.is(common, folder);
  t.deepEqual(
    lines.map(({ path, line, label, routes }) => (path ? `${path}:${line}` : `${label} ${routes}`)),
    [
      'rows.js:12',
      'HTTP bodies POST /rows',
      'rows.js:25',
      'server.js:38',
      'cache.js:15',
      'sessions.js:9',
      'HTTP bodies POST /login',
      'Socket reads ',
      'sessions.js:16',
    ],
  );
});

test('a line is what all stacks that end there have together', (t) => {
  const leak = lineOf(report(service()), 'sessions.js:9');
  t.deepEqual(leak.routes, ['POST /login', 'POST /refresh']);
  t.is(leak.stacks.length, 2);
  t.is(leak.stacks[0].bytes + leak.stacks[1].bytes, leak.bytes);
  t.true(leak.stacks[0].bytes > leak.stacks[1].bytes);
  t.deepEqual(
    leak.stacks[0].stack.map(({ function: name }) => name),
    ['remember', 'login', 'handle'],
  );
  t.is(leak.samples, Math.round((2 / leak.error) ** 2));
});

test('the line of a dependency’s memory is where the application called it', (t) => {
  const line = lineOf(report(service()), 'server.js:38');
  t.is(line.function, 'page');
  t.is(line.owner, 'application');
  t.is(line.stacks[0].stack[0].function, 'deflate');
});

test('where the application is not on the stack, the line is the dependency’s, and else there is none', (t) => {
  const frames = ['pack /app/node_modules/packer/index.js:8:1', 'emit node:events:10:2'];
  const [own] = report(single('Buffer.from', frames)).lines;
  t.deepEqual([own.path, own.line, own.owner], ['node_modules/packer/index.js', 8, 'dependency']);
  const [chunks] = report(single('pipe', [])).lines;
  t.deepEqual([chunks.label, chunks.owner, chunks.path], ['Pipe reads', 'node', undefined]);
  const [unknown] = report(single('Buffer.concat', [])).lines;
  t.is(unknown.label, 'Buffer.concat');
});

test('ralloc’s own frames are a dependency’s, also where it is in no node_modules', (t) => {
  const own = `collect ${path.join(__dirname, '../../../lib/node/collect.js')}:8:1`;
  const [line] = report(single('Buffer.alloc', [own, 'upload /app/a.js:3:1'])).lines;
  t.deepEqual([line.file, line.owner], ['/app/a.js', 'application']);
  t.is(report(single('Buffer.alloc', [own])).lines[0].owner, 'dependency');
});

test('bytes, live, and lifetimes: exactly the sums of the cells', (t) => {
  const lives = [
    [0.5, 3],
    [0.25, 5000],
  ];
  const [line] = report(single('a', AT, { lives })).lines;
  t.is(line.bytes, 2_000_000);
  t.is(line.count, 2000);
  // Of ten slots, those of the last two have not died of old age yet.
  t.is(line.live, 2_000_000 - 1_000_000 - 400_000);
  t.deepEqual(
    line.lifetimes.map(({ from, died, until, alive }) => [Math.round(from), died, until, alive]),
    [
      [3, 1_000_000, 0, 0],
      [4096, 0, 400_000, 0],
      [8192, 0, 0, 600_000],
    ],
  );
  t.is(line.young, 1_000_000);
  t.deepEqual(line.sizes, [{ to: 1024, bytes: 2_000_000, count: 2000 }]);
  t.is(line.median, 4);
});

test('what stands out: the slices that pin, the leak, the churn; not the cache that evicts', (t) => {
  const model = report(service());
  t.deepEqual(kindsOf(model), ['pin', 'leak', 'churn', 'churn', 'churn']);
  const keys = ['sessions.js:16', 'sessions.js:9'].map((at) => lineOf(model, at).key);
  t.deepEqual(
    model.findings.slice(0, 3).map(({ line }) => line),
    [...keys, 'http POST /rows'],
    'what there is something to do about comes first',
  );
  const [pin, leak] = keys.map((one) => model.lines.find(({ key }) => key === one));
  const churn = lineOf(model, 'rows.js:12');
  t.true(Math.abs(leak.growth / 1_160_000 - 1) < 0.1, `${leak.growth}`);
  t.true(leak.live / leak.bytes > 0.96);
  t.true(Math.abs(pin.pinned / 9_400_000 - 1) < 0.01);
  t.true(churn.young / churn.bytes > 0.99);
  t.is(churn.median, 4);
});

/** What to do about the findings of a kind. */
const nowOf = ({ findings }, kind) =>
  findings.filter((one) => one.kind === kind).map(({ now }) => now);

const measured = (load, program) =>
  `npx ralloc bake app.jsonl && npx ralloc compare --table --with table --suggested ${load} -- node "node ${program}.js"`;

test('each finding ends with what to do, in the code of its line', (t) => {
  const model = report(service({ start: Date.now() })); // the code is not newer
  t.deepEqual(nowOf(model, 'pin'), [
    [
      'keep Buffer.from(new Uint8Array(session.token).buffer) in the place of session.token: a copy, made where it is kept, after the last write into its bytes',
    ],
  ]);
  t.deepEqual(nowOf(model, 'leak'), [
    [
      `npx ralloc profile --snapshot-above ${Math.round(model.whole.arrayBuffers / 2 / 2 ** 20)}m -o app-2.jsonl -- node "node server.js"`,
      'npx ralloc holders app-2.*.1.heapsnapshot app-2.jsonl',
    ],
  ]);
  const [body, rows, row] = nowOf(model, 'churn');
  t.regex(
    body[0],
    /^\+ const body = await req\.arena\.body\(\{ limit: \d+ \* 2 \*\* 20 \}\); \/\/ /,
  );
  // Some of them outlived their request, and an empty body may be what the route does not expect.
  t.deepEqual(rows, [measured('--load "npx autocannon -m POST -i BODY {url}/rows"', 'server')]);
  t.deepEqual(row, [], 'for Buffers so small Node has a pool');
});

test('a line that is proved is left to ralloc apply, which looks at its file first', (t) => {
  const young = { lives: [[1, 30]], route: true, perSecond: 500_000_000, size: 90_000 };
  const [[measure, change]] = nowOf(report(single('Buffer.allocUnsafe', AT, young)), 'churn');
  t.regex(
    measure,
    /^npx ralloc bake app\.jsonl && npx ralloc compare --table --with table --load /,
  );
  t.is(change, 'npx ralloc apply');
});

test('no command has a name that a shell would run, or a load that deletes', (t) => {
  const one = {
    ...{ site: site('Buffer.allocUnsafe', AT, 'DELETE /rows'), size: 100_000, route: true },
    ...{ perSecond: 50_000_000, lives: [[1, 30]] },
  };
  const model = report(recording({ behaviours: [one], name: '$(id)' }));
  const commands = model.findings.flatMap(({ now }) => now).join('\n');
  t.regex(commands, /--load "npx autocannon \{url\}\/" -- node PROGRAM$/m);
  t.notRegex(commands, /\$\(id\)|DELETE/);
});

test('what dies young without a request is advised no slab: a free that comes too early corrupts what is sent', (t) => {
  const frames = ['f /a/b.js:3:4'];
  const behaviours = [
    { site: site('Buffer.from', frames), size: 3000, perSecond: 3_000_000, lives: [[1, 30]] },
  ];
  t.deepEqual(nowOf(report(recording({ behaviours })), 'churn'), [[]]);
});

test('a line of a package is tried as it is: nobody changes its code', (t) => {
  const frames = ['pack /app/node_modules/@a/packer/index.js:8:1'];
  const often = { lives: [[1, 30]], perSecond: 10_000_000, size: 90_000 };
  const young = { ...often, route: true };
  t.deepEqual(nowOf(report(single('Buffer.from', frames, young)), 'churn'), [
    [measured('--package @a/packer --load "npx autocannon {url}/"', 'app')],
  ]);
  t.deepEqual(nowOf(report(single('Buffer.from', frames, often)), 'churn'), [[]]);
});

test('what a trial does not change is not tried: alloc(), small ones, in listeners', (t) => {
  const young = { lives: [[1, 30]], route: true, perSecond: 10_000_000 };
  for (const [source, size] of [
    ['crypto', 100_000],
    ['Buffer.alloc', 100_000],
    ['Buffer.allocUnsafe', 30_000],
  ])
    t.deepEqual(nowOf(report(single(source, AT, { ...young, size })), 'churn'), [[]], source);
  const listened = { ...young, size: 100_000, isListened: true };
  t.deepEqual(nowOf(report(single('Buffer.concat', AT, listened)), 'churn'), [[]], 'in listeners');
});

test('a line of small Buffers that allocates little is not worth a change, and one of large ones is', (t) => {
  const of = (perSecond, size) =>
    kindsOf(report(single('Buffer.from', AT, { lives: [[1, 30]], perSecond, size, rate: 1 })));
  t.deepEqual(of(500_000, 2000), []);
  t.deepEqual(of(500_000, 100_000), ['churn']);
  t.deepEqual(of(5_000_000, 2000), ['churn']);
});

test('a short-lived line is advised no change where no arena has its Buffers, or they are few of all', (t) => {
  const advised = ({ size, perSecond, requests }) => {
    const young = { lives: [[1, 30]], route: true };
    const behaviours = [
      { ...young, site: site('Buffer.allocUnsafe', AT), size, perSecond },
      { site: site('Buffer.alloc', ['g /a/c.js:1:1']), size: 90_000, perSecond: 10_000_000 },
    ];
    const blocks = recording({ behaviours }).map((block) => ({ ...block, requests, number: 1 }));
    const { lines, findings } = report(blocks);
    const { key } = lines.find(({ sources }) => sources[0] === 'Buffer.allocUnsafe');
    return findings.find(({ kind, line }) => kind === 'churn' && line === key)?.now.length > 0;
  };
  t.true(advised({ size: 40_000, perSecond: 10_000_000 }), 'of requests nothing is known');
  t.false(advised({ size: 4000, perSecond: 10_000_000, requests: 10 }), 'of the pool');
  t.true(advised({ size: 40_000, perSecond: 10_000_000, requests: 1_000_000 }));
  t.false(advised({ size: 40_000, perSecond: 900_000, requests: 10 }), 'a twelfth of all');
});

test('what was pinned for a moment is not retained', (t) => {
  const model = report(single('a', AT, { lives: [[1, 3]], pins: 30_000_000 }));
  t.false(kindsOf(model).includes('pin'));
});

test('a line that pins is told for that alone, though what it allocates is dead soon', (t) => {
  const model = report(single('a', AT, { lives: [[0.999, 3]], pins: 30_000_000 }));
  t.deepEqual(
    kindsOf(model).filter((kind) => kind !== 'few' && kind !== 'unseen'),
    ['pin'],
  );
});

test('with few samples the report says so, and that nothing grows', (t) => {
  const model = report(single('a', AT, { perSecond: 500, size: 20_000 }, { seconds: 10 }));
  t.deepEqual(kindsOf(model), ['few']);
  t.false(model.lines[0].grows);
});

test('what grows by a dozen samples is not said to grow', (t) => {
  const later = (perSecond) => ({ size: 1000, perSecond, share: (slot) => (slot < 6 ? 0 : 1) });
  const grows = (perSecond) =>
    report(single('a', AT, later(perSecond), { rate: 1 })).lines[0].grows;
  t.false(grows(1500));
  t.true(grows(15_000));
});

test('ArrayBuffers that the profiler does not see are told', (t) => {
  const process = (_, live) => ({ arrayBuffers: 40_000_000 + live });
  const { findings, whole } = report(single('a', AT, { lives: [[1, 3]] }, { process }));
  t.is(whole.notSeen, 40_000_000);
  t.deepEqual(
    findings.filter(({ kind }) => kind === 'unseen'),
    [
      {
        kind: 'unseen',
        now: ['npx ralloc profile --rate 32k --typed-arrays -o app-2.jsonl -- node "node app.js"'],
      },
    ],
  );
});

test('dead Buffers that V8 has not swept yet are none of those', (t) => {
  const process = (slot, live) => ({ arrayBuffers: slot === 9 ? 62_600_000 : live });
  const { findings, whole } = report(single('a', AT, { lives: [[1, 3]] }, { process }));
  t.is(whole.notSeen, 0);
  t.false(findings.some(({ kind }) => kind === 'unseen'));
});

test('the tree of stacks has all bytes, from the route in', (t) => {
  const { flame, whole } = report(service());
  t.is(flame.bytes, whole.bytes);
  const names = [];
  for (let [node] = flame.children; node !== undefined; [node] = node.children)
    names.push(node.name);
  t.deepEqual(names, [
    'POST /rows',
    'handle server.js:32',
    'importRows server.js:27',
    'parseRows rows.js:22',
    'parseRow rows.js:12',
    'Buffer.allocUnsafe',
  ]);
});

test('two recorders at the same time: bytes and memory add up, seconds do not', (t) => {
  const main = single('a', AT, {}, { pid: 1, seconds: 20 });
  const other = single('a', AT, {}, { pid: 2, seconds: 10 });
  const [one, both] = [report(main), report([...main, ...other])];
  t.is(both.seconds, 20);
  t.is(both.processes, 2);
  t.is(both.whole.bytes, 3_000_000);
  t.is(both.timeline.rss[0], 2 * one.timeline.rss[0]);
  t.is(both.timeline.rss[9], one.timeline.rss[9]);
});

test('threads of a process have its resident set once', (t) => {
  const main = single('a', AT, {}, { pid: 1 });
  const thread = single('a', AT, {}, { pid: 1, name: 'worker' });
  const [one, both] = [report(main), report([...main, ...thread])];
  t.is(both.processes, 1);
  t.is(both.recorders, 2);
  t.is(both.timeline.rss[0], one.timeline.rss[0]);
});

test('of a merged profile the same lines, without their history', (t) => {
  const blocks = service();
  const [merged, whole] = [reportOfSum(blocks), report(blocks)];
  const sums = ({ key, bytes, count, live, peak, lifetimes }) => [
    key,
    bytes,
    count,
    live,
    peak,
    lifetimes,
  ];
  t.deepEqual(merged.lines.map(sums), whole.lines.map(sums));
  t.deepEqual(merged.timeline.arrayBuffers, whole.timeline.arrayBuffers);
  t.is(merged.seconds, whole.seconds);
  t.is(merged.rate, whole.rate);
  t.true(merged.lines.every(({ history, grows }) => !grows && history.every((live) => live === 0)));
});

test('what stays is told where nothing can be said about growth: of a short recording, and of a merged one', (t) => {
  const short = report(service({ seconds: 4 }));
  for (const model of [short, reportOfSum(service())]) {
    const told = model.findings.filter(({ kind }) => kind === 'stays');
    const leak = lineOf(model, 'sessions.js:9');
    t.true(told.some(({ line }) => line === leak.key));
    t.true(leak.live / leak.bytes > 0.96);
    t.false(kindsOf(model).includes('leak'));
  }
});

test('what stays once the load is over is told, with how to find what holds it', (t) => {
  const loaded = { perSecond: 1_000_000, share: (slot) => (slot < 4 ? 1 : 0) };
  const model = report(single('Buffer.from', AT, loaded, { seconds: 40 }));
  t.deepEqual(kindsOf(model), ['stays']);
  t.false(model.lines[0].grows);
  t.true(model.findings[0].now.some((line) => line.startsWith('npx ralloc holders ')));
  const freed = { ...loaded, lives: [[0.9, 3000]] };
  t.false(kindsOf(report(single('Buffer.from', AT, freed, { seconds: 40 }))).includes('stays'));
});

test('a site whose definition was in a damaged frame is unknown', (t) => {
  const [, ...rest] = single('a', AT);
  t.is(report(rest).lines[0].label, 'unknown');
});
