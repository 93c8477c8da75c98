'use strict';
// tier: run-time, differs

// Every way in which a Buffer leaves ralloc (lib/debug/watch/methods.js): whatever is done wrong with the Buffer is told with the line that asked for it.

const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const { Readable } = require('node:stream');
const test = require('ava').serial;
const { requestArena } = require('../../lib/http.js');
const { Arena, Region, Slab, perRequest } = require('../../lib/index.js');
const { recordOf } = require('../../lib/debug/watch/record.js');
const { observed } = require('../../lib/debug/watch/methods.js');
const { BufferLike } = require('../../lib/site/buffer-like.js');
const { REQUEST } = require('../../lib/site/routes.js');
const { Site, route } = require('../../lib/site/site.js');
const { noLeaks } = require('../../lib/test.js');
const { nativeTest } = require('../helpers/backend.js');
const { post, serve } = require('../helpers/ask.js');
const { kinds, lineOf, watched } = require('../helpers/debug.js');

const SIZE = 16;
const BODY = 200_000;

/** Public methods that hand out no Buffer which dies. */
const OTHERS = {
  Arena: `constructor checkpoint rewind reserve scope reset shrink close hold copyOut owns stats
    chunkStats`,
  Slab: 'constructor free owns participants recover bind lock handle send close stats',
  Region: 'constructor free owns collect close stats',
  Site: 'constructor',
  PerRequest: 'constructor',
};

const site = new Site('rows');
route(site, {}, new Array(33).fill(REQUEST));

const all = []; // { of, name, take, line }

/** `take` calls the method on the line of this call. */
function way(of, name, take) {
  const [, , caller] = new Error().stack.split('\n');
  all.push({ of, name, take, line: Number(/:(\d+):\d+\)?$/.exec(caller)[1]) });
}

/** What a function is given that `use` calls. */
function keptOf(use) {
  let kept;
  use((buffer) => {
    kept = buffer;
  });
  return kept;
}

const bytes = () => Buffer.alloc(SIZE, 'a');

way('Arena', 'alloc', (arena) => arena.alloc(SIZE));
way('Arena', 'alloc', (arena) => arena.alloc(SIZE, 'filled'));
way('Arena', 'allocUnsafe', (arena) => arena.allocUnsafe(SIZE));
way('Arena', 'from', (arena) => arena.from('text'));
way('Arena', 'from', (arena) => arena.from(bytes()));
way('Arena', 'from', (arena) => arena.from('YWJj\nZGVm\n', 'base64')); // shorter than is thought first
way('Arena', 'concat', (arena) => arena.concat([bytes(), bytes()]));
way('Arena', 'array', (arena) => arena.array(Uint8Array, SIZE));
way('Arena', 'adopt', (arena) => arena.adopt(Buffer.allocUnsafeSlow(SIZE)));
way('Arena', 'adopt', (arena) => arena.adopt(Buffer.from('copied: it is of the pool')));
way('Arena', 'collect', (arena) => arena.collect(Readable.from([bytes()], { objectMode: false })));
way('Arena', 'body', (arena) => arena.body());
way('Arena', 'chunks', (arena) => arena.chunks());

way('PerRequest', 'alloc', () => perRequest.alloc(SIZE));
way('PerRequest', 'allocUnsafe', () => perRequest.allocUnsafe(SIZE));
way('PerRequest', 'from', () => perRequest.from('text'));
way('PerRequest', 'concat', () => perRequest.concat([bytes(), bytes()]));
way('Site', 'alloc', () => site.alloc(SIZE));
way('Site', 'allocUnsafe', () => site.allocUnsafe(SIZE));
way('Site', 'from', () => site.from('text'));
way('Site', 'concat', () => site.concat([bytes(), bytes()]));

way('Slab', 'alloc', (slab) => slab.alloc(SIZE));
way('Slab', 'allocUnsafe', (slab) => slab.allocUnsafe(SIZE));
way('Slab', 'tryAlloc', (slab) => slab.tryAlloc(SIZE));
way('Slab', 'tryAllocUnsafe', (slab) => slab.tryAllocUnsafe(SIZE, 'filled'));
way('Slab', 'use', (slab) => keptOf((keep) => slab.use(SIZE, keep)));
way('Slab', 'receive', (slab) => slab.receive(slab.send(slab.alloc(SIZE))));
way('Slab', 'revoke', (slab) => slab.revoke(slab.send(slab.alloc(SIZE))));

way('Region', 'alloc', (region) => region.alloc(SIZE));
way('Region', 'allocUnsafe', (region) => region.allocUnsafe(SIZE));
way('Region', 'tryAlloc', (region) => region.tryAlloc(SIZE));
way('Region', 'tryAllocUnsafe', (region) => region.tryAllocUnsafe(SIZE));

const isFreed = ({ of }) => of === 'Slab' || of === 'Region';
/** No Buffer: its uses call nothing of Buffer's. */
const isArray = ({ name }) => name === 'array';
/** What it hands out is freed when it returns. */
const isOver = ({ name }) => name === 'use';
/** Their memory is not theirs alone, or was Node's before. */
const NO_ZONES = new Set(['adopt', 'collect', 'body', 'chunks']);
/** A test of one way. */
function tester({ name }, title, body) {
  if (['receive', 'revoke'].includes(name)) nativeTest(title, SENDS_NOTHING, body, test);
  else test(title, body);
}

const SENDS_NOTHING = 'a slab sends nothing';

test('each method that hands out a Buffer is in the list, and is tried here', (t) => {
  for (const { prototype, methods } of observed) {
    const of = prototype.constructor.name;
    const face = prototype instanceof BufferLike ? BufferLike.prototype : prototype;
    const named = Object.entries(Object.getOwnPropertyDescriptors(face))
      .filter(([, { value }]) => typeof value === 'function')
      .map(([name]) => name);
    const others = new Set(OTHERS[of].split(/\s+/));
    const handing = named.filter((name) => !others.has(name)).sort();
    t.deepEqual(Object.keys(methods).sort(), handing, of);
    const tried = new Set(all.filter((one) => one.of === of).map(({ name }) => name));
    t.deepEqual([...tried].sort(), handing, of);
  }
});

/** Calls `act` with the arena of a request, whose window is open. */
async function inRequest(t, act) {
  const arenas = requestArena({ context: true });
  let done;
  const handler = (req, res) => {
    done = (async () => {
      req.arena.adopt(Buffer.from('copied'));
      await act(req.arena);
    })().finally(() => res.end());
  };
  const url = await serve(t, http.createServer(arenas.wrap(handler)));
  await post(url, Buffer.alloc(BODY, 'a'));
  await done;
}

const ownerOf = {
  Slab: () => new Slab({ sizes: [64], count: 16 }),
  Region: () => new Region(),
};

/** Calls `act` with what the way hands out, as a list, and what ends that. */
async function taking(t, one, act) {
  const run = async (owner, end) => act([await one.take(owner)].flat(), end);
  if (!isFreed(one)) return inRequest(t, (arena) => run(arena, () => arena.reset()));
  const owner = ownerOf[one.of]();
  const free = (buffer) => {
    if (owner.owns(buffer)) owner.free(buffer);
  };
  await run(owner, (list) => list.forEach(free));
  return owner.close({ force: true });
}

for (const one of all) {
  const title = `${one.of}, ${one.name}(), line ${one.line}`;

  if (!isArray(one)) {
    tester(one, `${title}: a use after the end is told with its line`, async (t) => {
      const reports = watched(t);
      await taking(t, one, (list, end) => {
        t.true(list.length > 0);
        t.true(list.every((buffer) => recordOf(buffer) !== undefined));
        const part = isOver(one) ? list[0] : list.at(-1).subarray(1);
        end(list);
        list[0].toString('hex');
        part.equals(bytes());
      });
      const kind = isFreed(one) ? 'use-after-free' : 'use-after-reset';
      t.deepEqual(kinds(reports), [kind, kind]);
      t.deepEqual(
        reports.map(({ allocated }) => lineOf(allocated)),
        [one.line, one.line],
      );
    });
  }

  if (!NO_ZONES.has(one.name) && !isOver(one)) {
    tester(one, `${title}: a write past its end is told with its line`, async (t) => {
      const reports = watched(t);
      await taking(t, one, (list, end) => {
        const [{ buffer, byteOffset, length }] = list;
        new Uint8Array(buffer)[byteOffset + length + 7] = 7;
        end(list);
      });
      t.deepEqual(kinds(reports), ['overrun']);
      t.is(lineOf(reports[0].allocated), one.line);
    });
  }

  if (isFreed(one) && !isOver(one)) {
    tester(one, `${title}: noLeaks() tells that it is not freed, with its line`, async (t) => {
      const owner = ownerOf[one.of]();
      const leaving = noLeaks(() => void one.take(owner), { waitMs: 0 });
      const { code, reports } = await t.throwsAsync(leaving);
      t.is(code, 'ERR_RALLOC_MISUSE');
      t.deepEqual(kinds(reports), ['leak']);
      t.is(lineOf(reports[0].allocated), one.line);
      owner.close({ force: true });
    });
  }
}

tester(
  { name: 'receive' },
  'what was sent is in the Buffer that is received, and in what is sent on',
  (t) => {
    const reports = watched(t);
    const slab = ownerOf.Slab();
    const first = slab.receive(slab.send(slab.alloc(4, 'abcd')));
    t.is(first.toString(), 'abcd');
    first.write('AB');
    const second = slab.revoke(slab.send(first));
    t.is(second.toString(), 'ABcd');
    slab.free(second);
    t.throws(() => slab.free(second), { code: 'ERR_RALLOC_DOUBLE_FREE' });
    t.deepEqual(kinds(reports), ['double-free']);
    slab.close();
  },
);

test('each call of body() has the same Buffer, which is told once', async (t) => {
  const reports = watched(t);
  await inRequest(t, async (arena) => {
    const [body, same] = await Promise.all([arena.body(), arena.body()]);
    t.is(body, same);
    arena.reset();
    body.toString();
  });
  t.deepEqual(kinds(reports), ['use-after-reset']);
});

test("what a program's arena has adopted is told where an operation of Node is given it", (t) => {
  const reports = watched(t);
  const arena = new Arena();
  const buffer = arena.adopt(Buffer.allocUnsafeSlow(SIZE));
  arena.close();
  const fd = fs.openSync(os.devNull, 'w');
  t.teardown(() => fs.closeSync(fd));
  try {
    fs.write(fd, buffer, () => {});
  } catch {} // on some versions of Node
  t.deepEqual(kinds(reports), ['use-after-reset']);
});
