'use strict';

// What to use, of the variants that `ralloc compare` has measured, and what it costs.

/**
 * Figure → what it counts for: a fifth less CPU, or peak, is worth as much as a third less at rest.
 */
const WEIGHTS = { cpu: -1, rate: 0.25, p50: -0.1, p99: -0.25, peak: -1, rest: -0.5 };
const WORDS = {
  ...{ cpu: 'CPU', rate: 'requests/s', p50: 'p50', p99: 'p99' },
  ...{ peak: 'peak RSS', rest: 'RSS at rest' },
};
/** The least gain that is worth a change, as a logarithm. */
const LEAST = 0.04;
/** Of those that gain as much but for this, the first one is named: it changes less. */
const ALIKE = 0.1;

const gainIn = (figure, { value }) => (WEIGHTS[figure] ?? 0) * Math.log(value);

/** The gain of a variant as it seems to be. */
const seemingGain = (name, figures) =>
  Object.entries(figures).reduce(
    (gain, [figure, { ratios }]) => gain + (ratios[name] ? gainIn(figure, ratios[name]) : 0),
    0,
  );

/** The names of variants, the one that seems to gain most first. */
const ranked = (names, figures) =>
  [...names].sort((a, b) => seemingGain(b, figures) - seemingGain(a, figures));

const told = ([figure, { ratios }], name) => `${WORDS[figure]} ${ratios[name].value.toFixed(2)} ×`;

const list = (items) =>
  items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;

/**
 * `{ better, worse, gain }` of a variant by its stable figures: what is surely better, and all that
 * is worse.
 */
function changesOf(name, figures) {
  const stable = Object.entries(figures).filter(
    ([, { isStable, ratios }]) => isStable && ratios[name] !== undefined,
  );
  const gainOf = ([figure, { ratios }]) => gainIn(figure, ratios[name]);
  const of = ([, { ratios }]) => ratios[name];
  const better = stable.filter((one) => of(one).isSure && gainOf(one) > 0);
  const worse = stable.filter((one) => of(one).differs && gainOf(one) < 0);
  const gain = [...better, ...worse].reduce((sum, one) => sum + gainOf(one), 0);
  return { better, worse, gain };
}

/**
 * `{ use, sentences }`, three at most. `variants`: those that ran to their end, with plain, in the
 * order of what they change; each has `start`, the line to start it with.
 */
function adviceOf(variants, figures) {
  const stable = Object.values(figures).some(({ isStable }) => isStable);
  if (!stable)
    return {
      sentences: ['Nothing can be said: let it run longer, or on a quieter machine.'],
    };
  const others = variants.filter(({ name }) => name !== 'plain');
  const gains = others.map((one) => ({ ...one, ...changesOf(one.name, figures) }));
  const most = Math.max(...gains.map(({ gain }) => gain));
  const best = gains.find(({ gain }) => gain >= LEAST && gain > most - ALIKE);
  if (best === undefined)
    return {
      use: 'plain',
      sentences: [
        'Nothing that was measured helps this application under this load: start it as you do.',
      ],
    };
  const { name, start, better, worse } = best;
  const cost =
    worse.length === 0
      ? 'No figure became worse.'
      : `It costs: ${list(worse.map((one) => told(one, name)))}.`;
  const use = `Use ${name}: ${list(better.map((one) => told(one, name)))}.`;
  return { use: name, sentences: [use, `Start it with: ${start}`, cost] };
}

module.exports = { adviceOf, ranked };
