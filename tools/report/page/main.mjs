// The page of `ralloc report`. All of its data is in the page; it loads nothing.

import 'uplot/dist/uPlot.min.css';
import './style.css';
import { compareSection } from './compare.mjs';
import { h, newId } from './dom.mjs';
import { findingsSection } from './findings.mjs';
import { flameSection } from './flame.mjs';
import { bytes, count, duration, moment, percent, perSecond, plusMinus, size } from './format.mjs';
import { churnSection, growthSection, lifetimesSection } from './growth.mjs';
import { linesSection } from './lines.mjs';
import { shorten } from './place.mjs';

const data = JSON.parse(document.getElementById('data').textContent);
const { after: report, before, comparison } = data;

const plural = (number, one, more) => `${number} ${number === 1 ? one : more}`;

/** Says what was recorded, for people who find the page a year later. */
function header() {
  const { title, node, platform, processes, recorders, start, seconds, whole, rate } = report;
  const threads = recorders > processes ? `, ${plural(recorders, 'thread', 'threads')}` : '';
  const facts = [
    ['Recorded', `${moment(start)}, for ${duration(seconds * 1000)}`],
    ['Node', `${node.join(', ')} on ${platform.join(', ')}`],
    ['In', `${plural(processes, 'process', 'processes')}${threads}`],
    ['Samples', `${count(whole.samples)}, one in ${size2(rate)} on average`],
    report.folder && ['Paths below', report.folder],
  ];
  return h(
    'header',
    h('p.kind', 'Buffer profile'),
    h('h1', title.join(', ') || report.name),
    h(
      'dl.recording',
      facts.filter(Boolean).map(([name, value]) => h('div', h('dt', name), h('dd', value))),
    ),
  );
}

const size2 = (value) => (value >= 1024 ? size(2 ** Math.round(Math.log2(value))) : bytes(value));

function figures() {
  const { whole, seconds, timeline } = report;
  const all = [
    [
      'Allocated',
      bytes(whole.bytes),
      `${perSecond(whole.bytes / seconds)} ${plusMinus(whole.error)}`,
    ],
    [
      'Died within a second',
      bytes(whole.young),
      `${perSecond(whole.young / seconds)}, ${percent(whole.young / whole.bytes)} of all`,
    ],
    ['Alive at the end', bytes(whole.live), `up to ${bytes(whole.highest)} at a time`],
    timeline.arrayBuffers.some((value) => value !== null)
      ? ['Not seen', bytes(whole.notSeen), `of ${bytes(whole.arrayBuffers)} in ArrayBuffers`]
      : ['Not seen', 'unknown', 'the memory of the process was not recorded'],
  ];
  return h(
    'dl.figures.whole',
    all.map(([name, value, more]) =>
      h('div', h('dt', name), h('dd', h('strong', value), h('span', more))),
    ),
  );
}

function notes() {
  const { skipped, lost, unreadableMaps } = report;
  const all = [
    skipped > 0 &&
      `${bytes(skipped)} of the file are of no whole block, and were passed over: it was cut off (a process was killed) or damaged. The rest is whole.`,
    lost > 0 &&
      `${plural(lost, 'block', 'blocks')} of the recording ${lost === 1 ? 'is' : 'are'} missing in the midst of the file: what happened then is in no figure.`,
    ...unreadableMaps.map(
      ({ file, why }) =>
        `The source map of ${file} cannot be read (${why}): its lines are those of the compiled file.`,
    ),
  ].filter(Boolean);
  return (
    all.length > 0 &&
    h(
      'div.warnings',
      { role: 'note' },
      all.map((text) => h('p', text)),
    )
  );
}

function reading() {
  return h(
    'section',
    { id: 'reading' },
    h('h2', 'How to read this'),
    h(
      'ul',
      h(
        'li',
        'All figures are estimates from samples, one in so many bytes. The true value is within ± the error, or the bounds that are told where there are few samples, in 19 of 20 cases.',
      ),
      h(
        'li',
        'A line is the innermost one of the application on the stack; where there is none, of a dependency. Chunks that Node reads from sockets, files and pipes have no line, and are told by their kind and the route of their request.',
      ),
      h(
        'li',
        'Alive at the end is what was allocated while recording and had not died when it ended. The peak of a line is the most that it had alive at a time, summed over all threads.',
      ),
      h(
        'li',
        'Not seen: what Node counts as ArrayBuffers, less what the profiler knows to be alive. It was made by other means than Buffer’s or before recording began, or is dead and V8 has not freed it yet.',
      ),
      h(
        'li',
        `A line that allocated ${bytes(3 * report.rate)} altogether is missed once in 20 recordings at this rate, and smaller ones more often.`,
      ),
      h('li', '1 MB is 1,000,000 bytes; 1 KiB is 1,024.'),
    ),
    h(
      'details',
      h('summary', 'Licences of what this page is made with'),
      h('pre.licences', { tabindex: 0 }, document.getElementById('licences').textContent),
    ),
  );
}

function navigation(sections) {
  const links = sections.map((section) =>
    h('li', h('a', { href: `#${section.id}` }, section.querySelector('h2').textContent)),
  );
  return h('nav', { 'aria-label': 'Sections' }, h('ul', links));
}

const ids = new Map(report.lines.map(({ key }) => [key, newId('line')]));
const byKey = new Map(report.lines.map((line) => [line.key, line]));
const show = (file) => shorten(file, report.folder);
const lines = linesSection(report, { show, ids });
const open = (key) => byKey.has(key) && lines.open(byKey.get(key));

const sections = [
  before && compareSection({ comparison, before, after: report }, open),
  findingsSection(report, open),
  lines.element,
  flameSection(report, open),
  growthSection(report, open),
  churnSection(report, open),
  lifetimesSection(report),
  reading(),
].filter(Boolean);

document
  .getElementById('page')
  .replaceChildren(
    header(),
    h('main', { id: 'main' }, notes(), figures(), navigation(sections), sections),
  );
