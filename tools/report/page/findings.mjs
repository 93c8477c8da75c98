// The findings, which the page shows first: which line to change, and why.

import { h } from './dom.mjs';
import { bytes, duration, percent, perSecond, plusMinus, size } from './format.mjs';
import { functionOf, nameOf, packageOf, snippet } from './place.mjs';

const where = (line) => [
  h('code', nameOf(line)),
  functionOf(line) !== undefined && [' in ', h('code', functionOf(line))],
];

/** A hint for lines of packages: other code keeps what they allocate, so theirs is not the line to change. */
const KEPT_BY_OTHERS = (name) =>
  `This line is of the package ${name}. What it gives away may be kept by others: look for where the application takes these Buffers, and what it puts them into. A slice keeps all of the Buffer that it is of: keep a copy.`;

const alive = ({ live, liveError, bytes: all }) =>
  `${bytes(live)} ${plusMinus(liveError)} of it are alive at the end: ${percent(live / all)} of all that it allocated.`;

const KINDS = {
  leak: {
    tag: 'Grows',
    title: (line) =>
      line.path === undefined
        ? [where(line), ': retained']
        : [
            where(line),
            line.owner === 'dependency'
              ? ': what it allocates is kept'
              : ' keeps what it allocates',
          ],
    why: (line) =>
      `${alive(line)} They grew by ${perSecond(line.growth)} in the second half of the recording.`,
    adviceOfPackage: KEPT_BY_OTHERS,
    advice:
      'Something still refers to these Buffers: look for the Map, array, listener or closure that they are put into here, and remove entries or bound their number. What is kept of a larger Buffer should be a copy, not a slice.',
  },
  stays: {
    tag: 'Stays',
    title: (line) => [where(line), ': retained'],
    why: (line) =>
      `${alive(line)} This profile has too little of a history to say whether they grow.`,
    adviceOfPackage: KEPT_BY_OTHERS,
    advice:
      'If they are not meant to stay, look for what they are put into here: a Map, an array, a listener, a closure. A longer recording that is not merged tells whether they grow.',
  },
  churn: {
    tag: 'Churns',
    title: (line) =>
      line.path === undefined
        ? [where(line), ': much memory for a short while']
        : [where(line), ' allocates much for a short while'],
    why: (line, { whole, seconds, youngMs }) => {
      const { bytes: all, error, young, median, withRequest } = line;
      return [
        `${perSecond(all / seconds)} ${plusMinus(error)}, ${percent(all / whole.bytes)} of all bytes. ${percent(young / all)} of them are dead within ${duration(youngMs)}`,
        median === null ? '' : `, half within ${duration(median)}`,
        withRequest > all / 2 ? `; ${percent(withRequest / all)} die with their request.` : '.',
      ].join('');
    },
    adviceWithoutLine:
      'Node allocates these as it reads, and no line of the application does. Read less, or have the memory given back at once: ralloc’s body() and pump() do that.',
    adviceOfPackage: (name) =>
      `Short-lived Buffers like these make V8 collect often. The line belongs to the package ${name}: give it less at a time, call it less often, or look for an option to pass your own Buffers.`,
    advice:
      'Short-lived Buffers like these make V8 collect often. If they end with a request or a job, take them from an arena. If nothing has one any more when the next is made, no stream and no write either, reuse one Buffer.',
  },
  pin: {
    tag: 'Pins',
    title: (line) => [where(line), ` keeps ${bytes(line.live)} and retains ${bytes(line.pinned)}`],
    why: (_, { pool }) =>
      [
        'Memory goes only when the last slice of it has gone, of a Buffer or of Buffer’s pool. ',
        pool > 0 && `A slice of the pool, however small, keeps ${size(pool)} here.`,
      ]
        .filter(Boolean)
        .join(''),
    advice:
      'Copy what is kept for long into a Buffer of its own, or put many into one larger Buffer or a slab.',
  },
  outlives: {
    tag: 'Outlives',
    title: (line) => [where(line), ' outlives its request'],
    why: ({ outlived, withRequest }) =>
      `${bytes(outlived)}, ${percent(outlived / (outlived + withRequest))} of what requests allocated here, were alive after the response.`,
    advice: 'If they are not meant to be cached, look for who keeps them behind the response.',
  },
  unseen: {
    tag: 'Not seen',
    title: () => 'There are ArrayBuffers that the profiler does not see',
    why: (_, { whole: { notSeen, arrayBuffers } }) =>
      `${bytes(notSeen)}, ${percent(notSeen / arrayBuffers)} of what Node counts as ArrayBuffers, are pinned by slices of Buffer’s pool of which too few were samples, or were made by other means than Buffer’s (typed arrays, WebAssembly, Node’s own Blobs) or before recording began.`,
    advice:
      'Record again: a smaller --rate sees more slices of the pool, and --typed-arrays sees new Uint8Array() and the like, which it slows down.',
  },
  few: {
    tag: 'Few samples',
    title: () => 'Too little was recorded to rely on',
    why: (_, { whole }) =>
      `${whole.samples} samples: the whole may be off by ${plusMinus(whole.error).slice(2)}, and single lines by more.`,
    advice: 'Record with a smaller --rate, or with more load.',
  },
};

function adviceFor(line, { advice, adviceWithoutLine, adviceOfPackage }) {
  if (line === undefined) return advice;
  if (line.path === undefined) return adviceWithoutLine ?? advice;
  return line.owner === 'dependency' ? (adviceOfPackage?.(packageOf(line)) ?? advice) : advice;
}

/** A row that begins with `- ` or `+ ` is shown as in a diff; any other is a command. */
function nowRow(text) {
  const kind = { '-': 'gone', '+': 'come' }[text[0]] ?? 'command';
  return h(`span.row.${kind}`, text, '\n');
}

/** A pattern says itself what it is. */
const ofPattern = ({ says = '' }) => {
  const [title, ...why] = says.split(': ');
  return { tag: 'Pattern', title: () => title, why: () => why.join(': ') };
};

function card(finding, line, report, open) {
  const { tag, title, why, ...advices } = KINDS[finding.kind] ?? ofPattern(finding);
  const body = [
    h('h3', h(`span.tag.${finding.kind}`, tag), ' ', title(line)),
    h('p', why(line, report)),
    finding.says !== undefined && KINDS[finding.kind] && h('p', finding.says),
    line && snippet(line, 2),
    adviceFor(line, advices) && h('p.advice', adviceFor(line, advices)),
    finding.now.length > 0 &&
      h(
        'pre.code.now',
        { tabindex: 0, role: 'group', 'aria-label': 'What to do now' },
        h('code', finding.now.map(nowRow)),
      ),
    line &&
      h(
        'button.plain',
        { type: 'button', onclick: () => open(line.key) },
        'Stacks, lifetimes and sizes',
      ),
  ];
  return h(`li.finding.${finding.kind}`, body);
}

/** @param {(key: string) => void} open shows a line */
export function findingsSection(report, open) {
  const byKey = new Map(report.lines.map((line) => [line.key, line]));
  const cards = report.findings.map((one) => card(one, byKey.get(one.line), report, open));
  return h(
    'section',
    { id: 'findings' },
    h('h2', 'What stands out'),
    cards.length > 0
      ? h('ol.findings', cards)
      : h(
          'p',
          'Nothing: no line grows, none allocates much for a short while, and none pins more than it uses.',
        ),
  );
}
