'use strict';
// tier: run-time

// What is not given back, by the places that took it.

const test = require('ava').serial;
const { Slab, leakReport, loadTable, site } = require('../../lib/index.js');
const { groupsOf } = require('../../lib/debug/leaks/groups.js');
const { Clock } = require('../helpers/clock.js');
const { watched } = require('../helpers/debug.js');
const { named, tableFile } = require('../helpers/site.js');

const newSlab = (name) => new Slab({ sizes: [64], count: 16, name });

const place = { key: 'at one place' };
const taken = (facts) => ({ kind: 'slab', of: 'the slab', allocated: place, size: 10, ...facts });

test('one line that allocates of two slabs is two groups', (t) => {
  watched(t);
  const slabs = ['one', 'two'].map(newSlab);
  for (const slab of slabs) slab.alloc(20);
  const names = leakReport().groups.map(({ of }) => of);
  t.deepEqual(names.sort(), ["the slab 'one'", "the slab 'two'"]);
  for (const slab of slabs) slab.close({ force: true });
});

test('the age of a group is that of its oldest', (t) => {
  const clock = new Clock();
  const ages = [300, 500, 100].map((age) => taken({ at: clock.now - age }));
  const [{ age, count, bytes }] = clock.use(() => groupsOf(ages));
  t.deepEqual([age, count, bytes], [500, 3, 30]);
});

test('a group names its request where all of it are of that one', (t) => {
  const of = (...requests) => groupsOf(requests.map((request) => taken({ at: 0, request })))[0];
  t.is(of('GET /a', 'GET /a').request, 'GET /a');
  for (const mixed of [of('GET /a', 'GET /b'), of('GET /a', undefined), of(undefined)]) {
    t.false('request' in mixed);
  }
});

test('what the slab and the region of all sites have out is nobody’s to free, and they are not to be closed', (t) => {
  watched(t);
  loadTable(tableFile(t, [named('rows', 'slab'), named('entries', 'region')]));
  const sites = ['rows', 'entries'].map(site);
  const buffers = sites.map((one) => one.alloc(100));
  const { slab, region } = site.stats();
  t.deepEqual([slab.held, region.held], [1, 1]);
  const { groups, open } = leakReport();
  t.deepEqual([groups, open], [[], []]);
  for (const [i, one] of sites.entries()) one.free(buffers[i]);
});
