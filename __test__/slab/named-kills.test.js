'use strict';
// tier: run-time

// Processes that use a slab at full speed, of which one is killed at a random moment and another one stopped, again and again. The
// crate's own (src/slab/recovery/kill_loop.rs) have more rounds, without JavaScript's caches.

const { Slab } = require('../..');
const { budget, isSoak, seedOr } = require('../helpers/budget.js');
const { random } = require('../helpers/random.js');
const { allCanBeHad, takeAll } = require('../helpers/slab.js');
const { Process } = require('../helpers/slab-peer.js');
const { freshName, sharedTest } = require('../helpers/slab-process.js');
const { turns, until } = require('../helpers/until.js');

const canStop = process.platform !== 'win32';
const ROUNDS = budget(4, 500);
const PEERS = budget(3, 6, 3);
const SIZES = [64, 2048];
const COUNTS = [48, 24];
const ALL = COUNTS[0] + COUNTS[1];

/** How many slots can be had at this moment, and others have while it has them. */
function count(slab) {
  const all = slab.sizes.flatMap((size) => takeAll(slab, size));
  const { elsewhere, sent } = slab.stats();
  for (const buffer of all) slab.free(buffer);
  return { available: all.length, elsewhere, sent };
}

for (const safety of isSoak ? ['checked', 'recycle'] : ['recycle']) {
  sharedTest(
    `${safety}: of those that are killed nothing is lost, and nobody has what another one has`,
    async (t) => {
      const name = freshName(t);
      const slab = Slab.create(name, { sizes: SIZES, count: COUNTS, transitMs: 0 });
      const next = random(seedOr(14));
      const start = () => Process.opening(t, name, { safety });
      const peers = await Promise.all(Array.from({ length: PEERS }, start));
      const killed = new Set();
      let recovered = 0;
      const recover = () => {
        for (const { pid, slots } of slab.recover()) {
          t.true(killed.has(pid));
          recovered += slots;
        }
      };
      // And on, until one had something when it was killed.
      for (let round = 0; round < ROUNDS || recovered === 0; round++) {
        const starting = start(); // takes longer than a round
        const churn = { sizes: SIZES, steps: 50, goesOn: true };
        await Promise.all(peers.map((peer) => peer.ask('churn', { ...churn, seed: next(2000) })));
        await turns(next(8));
        const [victim] = peers.splice(next(peers.length), 1);
        await victim.end();
        killed.add(victim.pid);
        // One that is stopped, perhaps in the midst of a call, is alive: nothing of it comes back.
        const stopped = peers[next(peers.length)];
        if (canStop) stopped.child.kill('SIGSTOP');
        recover();
        if (canStop) stopped.child.kill('SIGCONT');
        const rests = await Promise.all(peers.map((peer) => peer.ask('rest')));
        for (const { damaged } of rests) t.is(damaged, 0);
        peers.push(await starting);
        recover();
        t.false(slab.participants().some(({ pid }) => pid === victim.pid));
        // What is neither here nor in the caches of those who live would be lost.
        const cached = rests.reduce((sum, rest) => sum + rest.cached, 0);
        const { available, elsewhere, sent } = count(slab);
        t.true(elsewhere <= cached, `${elsewhere} slots elsewhere, round ${round}`);
        t.true(available + cached >= ALL && available <= ALL, `${available}, round ${round}`);
        t.is(sent, 0);
      }
      // The caches of those who live come back within 100 ms.
      await until(() => count(slab).available === ALL, 30);
      await Promise.all(peers.map((peer) => peer.end()));
      slab.recover();
      allCanBeHad(t, slab);
      t.is(slab.stats().participants, 1);
    },
  );
}
