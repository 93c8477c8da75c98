'use strict';
// tier: tools

// The mean distance between samples follows what the recorder may take.

const test = require('ava');
const { Budget, LEAST } = require('../../../tools/recorder/budget.js');

const COST = 0.02; // ms a sample, which counts three times
const LONGEST = 0.2; // one that takes longer was interrupted

/** `load(mean, s)`: samples in a second, spread over it. The means after each second, and what was spent in all, as a share. */
function simulate(share, seconds, load, isFixed = false, usedMs = undefined) {
  const sampling = { mean: LEAST };
  const budget = new Budget(share, sampling, isFixed, 0, usedMs);
  const means = [];
  let spent = 0;
  let due = 0;
  for (let s = 0; s < seconds; s++) {
    for (let step = 0; step < 1000; step++) {
      const now = s * 1000 + step;
      due += load(sampling.mean, s, step) / 1000;
      for (; due >= 1; due--) {
        budget.spend(COST, now);
        spent += COST;
      }
      if (step % 200 === 0) budget.look(now);
    }
    means.push(sampling.mean);
  }
  return { means, share: spent / (seconds * 1000) };
}

const steady = (bytes) => (mean) => bytes / mean;

test('the distance grows under load until the budget is kept', (t) => {
  const { means, share } = simulate(0.03, 20, steady(7e8));
  t.true(means.at(-1) >= 512 * 1024 && means.at(-1) <= 2 * 1024 * 1024, String(means.at(-1)));
  t.true(share < 0.011, String(share));
});

test('it shrinks again, step by step', (t) => {
  const { means } = simulate(0.03, 40, (mean, s) => (s < 10 ? 1e9 : 1e6) / mean);
  t.true(means[9] > LEAST);
  t.is(means.at(-1), LEAST);
  for (let i = 11; i < means.length; i++) t.true(means[i] >= means[i - 1] / 2);
});

test('what is overdrawn doubles it once, until as much again is', (t) => {
  const sampling = { mean: LEAST };
  const budget = new Budget(0.03, sampling, false, 0); // has 10 ms, and lends 5
  for (let i = 0; i < 250; i++) budget.spend(COST, 1); // 15 ms, and a look at every 32
  t.is(sampling.mean, 2 * LEAST);
  for (let i = 0; i < 100; i++) budget.spend(COST, 1);
  t.is(sampling.mean, 4 * LEAST);
});

/** Samples in each second of a load of 1 GB/s, of which each costs as much as one can. */
function samplesOf(usedMs) {
  const sampling = { mean: LEAST };
  const budget = new Budget(0.02, sampling, false, 0, usedMs);
  const counts = [];
  let due = 0;
  for (let now = 0; now < 20_000; now++) {
    for (due += 1e6 / sampling.mean; due >= 1; due--) {
      budget.spend(LONGEST, now);
      const second = Math.floor(now / 1000);
      counts[second] = (counts[second] ?? 0) + 1;
    }
    if (now % 200 === 0) budget.look(now);
  }
  return counts;
}

test('a load has hundreds of samples a second at first, and a hundred later, whatever they cost', (t) => {
  const counts = samplesOf((now) => now);
  t.true(Math.min(...counts.slice(0, 2)) >= 400, String(counts));
  t.true(Math.min(...counts) >= 100, String(counts));
  t.true(counts.at(-1) < 250, String(counts));
  const rarelyBusy = samplesOf((now) => now / 5);
  t.true(Math.min(...rarelyBusy.slice(0, 2)) >= 400, String(rarelyBusy));
});

test('it is a share of the time that the thread has', (t) => {
  const usedMs = (now) => now / 10;
  const { share } = simulate(0.03, 30, steady(1e9), false, usedMs);
  t.true(share < 0.002, String(share));
});

test('a thread that is idle has its samples, whatever else the recorder does there', (t) => {
  const sampling = { mean: LEAST };
  const budget = new Budget(0.03, sampling, false, 0, (now) => now / 500);
  for (let now = 40; now < 60_000; now += 40) {
    if (now % 80 === 0) budget.spend(COST, now);
    if (now % 200 !== 0) continue;
    budget.spendOther(1); // its turns, its collections
    budget.look(now);
    t.is(sampling.mean, LEAST, `after ${now} ms`);
  }
});

test('what else is spent counts, and not alone', (t) => {
  const run = (other) => {
    const sampling = { mean: LEAST };
    const budget = new Budget(0.03, sampling, false, 0);
    let samples = 0;
    for (let now = 1; now < 30_000; now++) {
      samples += 1e9 / 1000 / sampling.mean;
      for (; samples >= 1; samples--) budget.spend(COST, now);
      if (now % 200 !== 0) continue;
      budget.spendOther(other);
      budget.look(now);
    }
    return sampling.mean;
  };
  const [none, some, much] = [run(0), run(3), run(100)];
  t.true(none < some, `${none}, ${some}`);
  t.true(much <= 2 * some, `${some}, ${much}`);
});

test('one that is fixed is left alone', (t) => {
  const { means } = simulate(0.001, 5, steady(1e9), true);
  t.deepEqual(new Set(means), new Set([LEAST]));
});
