'use strict';

// npm run demo -- --flood --tenants: forty tenants upload, and one of them sends half of all. How long the others take without it, with it, and with a budget for each. The lines are
// slow, so that it is memory that they wait for: whose turn it is on the processor is nothing that admission() decides.

const load = require('./load.js');
const { PLAN, Server, newTally } = require('./run.js');

const TENANTS = {
  ...PLAN,
  heapMB: 640, // leaves room for some 60 clients
  bytes: 2_000_000,
  takesMs: 4000, // of an upload, on average: from half as much to one and a half times
  tenants: 40,
  uploads: 3, // of each client
  rounds: 2,
  seconds: 180,
  keyHeader: 'x-tenant',
};

/** Whether the first tenant is there, and whether each has a key. */
const CASES = {
  alone: { isFlooded: false, hasKeys: true },
  'no keys': { isFlooded: true, hasKeys: false },
  keys: { isFlooded: true, hasKeys: true },
};

const GOLDEN = 0.618; // its multiples spread evenly

/** Uploads of one client after another, which all count to `tally`. */
async function client(i, tenant, server, file, tally, plan, isOn) {
  const { uploads, takesMs } = plan;
  const own = file.of(i);
  const how = { hasLength: i % 2 === 0, key: `tenant ${tenant}`, takesMs };
  for (let upload = 0; upload < uploads && isOn(); upload++) {
    how.takesMs = takesMs * (0.5 + (((i + upload) * GOLDEN) % 1));
    await load.insist(() => load.upload(server.port, own, how), own, tally, { isOn });
  }
}

/** All clients at once, for some time. Half are the first tenant's, if it is there; they come first, and go on for as long as there are others. */
async function round({ isFlooded, hasKeys }, plan) {
  const { clients, tenants, keyHeader } = plan;
  const server = new Server('admission', plan, hasKeys ? keyHeader : '');
  await server.start();
  const started = performance.now();
  const isOn = () => server.end === null && performance.now() - started < 1000 * plan.seconds;
  const file = new load.File(plan.bytes);
  const [flood, others] = [newTally(), newTally()];
  const [first, rest] = [[], []];
  let isOver = false;
  const half = clients / 2;
  const endless = { ...plan, uploads: Infinity };
  for (let i = 0; i < half && isFlooded; i++)
    first.push(client(i, 0, server, file, flood, endless, () => !isOver && isOn()));
  for (let i = half; i < clients; i++)
    rest.push(client(i, 1 + (i % (tenants - 1)), server, file, others, plan, isOn));
  await Promise.all(rest);
  isOver = true;
  await Promise.all(first);
  const figures = await server.settled();
  await server.stop();
  return { end: server.end, flood, others, figures };
}

/** The rounds of each case, by its name; a round of each after the other, so that what else the machine does is shared. */
async function measureTenants(plan = TENANTS, say = () => {}) {
  const rounds = Object.fromEntries(Object.keys(CASES).map((name) => [name, []]));
  for (let i = 0; i < plan.rounds; i++) {
    for (const [name, kind] of Object.entries(CASES)) {
      say(`round ${i + 1} of ${plan.rounds}, ${name} …`);
      rounds[name].push(await round(kind, plan));
    }
  }
  return { plan, rounds };
}

module.exports = { TENANTS, measureTenants };
