'use strict';

// The pictures of the documents, each in two colours: node scripts/pictures.js writes docs/NAME-light.svg and docs/NAME-dark.svg.
// A test compares the files with what this makes.

const fs = require('node:fs');
const path = require('node:path');

const WIDTH = 800;
const LINE = 17; // from one line of text to the next

const COLOURS = {
  light: {
    ...{ text: '#1f2328', muted: '#59636e', arrow: '#59636e' },
    ...{ ask: ['#f6f8fa', '#59636e'], use: ['#ddf4ff', '#0969da'] },
    ...{ good: ['#dafbe1', '#1a7f37'], wait: ['#fff8c5', '#9a6700'], end: ['#ffebe9', '#cf222e'] },
  },
  dark: {
    ...{ text: '#f0f6fc', muted: '#9198a1', arrow: '#9198a1' },
    ...{ ask: ['#151b23', '#656c76'], use: ['#0c2d4d', '#4493f8'] },
    ...{ good: ['#0f2d1c', '#3fb950'], wait: ['#2d2408', '#d29922'], end: ['#3c1618', '#f85149'] },
  },
};

/** Boxes `[kind, x, y, width, lines]`, of which the first line is bold; arrows `[points, label, at, anchor]`. */
const PICTURES = {
  'which-memory': {
    title: 'Which memory for which Buffer',
    about:
      'A Buffer that ends with its response belongs in req.arena. One that passes from a stream to another goes through pump(). One that ends with a job or a message: a new Arena or a scope. One of any size that lives for minutes in one thread: a Region. One that is freed one by one, up to 1 MiB, also in another thread or process: a slab. All others, and what unknown code keeps: Buffer.',
    height: 448,
    ...tree([
      ['It ends with the response', 'req.arena', 'a body: await req.arena.body()'],
      ['It passes from one stream to another', 'pump()', 'each chunk is freed when it is written'],
      [
        'It ends with a job or a message',
        'new Arena(), arena.scope()',
        'freed together, by reset()',
      ],
      ['It lives for minutes, in one thread', 'new Region()', 'any size: caches, sessions'],
      ['It is freed one by one, up to 1 MiB', 'slab', 'also between threads and processes'],
      ['Anything else, or unknown code keeps it', 'Buffer', 'V8 frees it'],
    ]),
  },
  'life-of-a-request': {
    title: 'The life of a request',
    about:
      'A request takes no memory. Its first allocation takes a warm span. Beyond maxBytesPerRequest an allocation throws with status 413, and beyond maxBytes it gets heap Buffers. When the response has emitted close: if it was sent to its end, its Buffers are dead and the memory is warm for the next request. What an operation or a hold uses waits for it. After an abort, a 5xx, or without a socket the memory is quarantined until V8 has collected the Buffers.',
    height: 430,
    boxes: [
      ['ask', 20, 30, 170, ['a request arrives', 'takes no memory']],
      ['use', 250, 30, 190, ['first allocation', 'takes a warm span']],
      [
        'use',
        500,
        30,
        280,
        [
          'the handler allocates',
          'one request: maxBytesPerRequest, 413',
          'all: maxBytes, then the heap, then 503',
        ],
      ],
      ['ask', 500, 150, 280, ['the response emits close', 'the kernel or TLS has the bytes']],
      ['good', 20, 270, 230, ['sent to its end', 'its Buffers have length 0', 'at once']],
      [
        'wait',
        285,
        270,
        230,
        ['an operation or a hold', 'its memory waits until', 'the last one is over'],
      ],
      [
        'end',
        550,
        270,
        230,
        ['aborted, 5xx, no socket', 'quarantined until V8 has', 'collected the Buffers'],
      ],
      ['good', 250, 376, 300, ['warm: ready for the next request']],
    ],
    arrows: [
      [[190, 54, 250, 54]],
      [[440, 54, 500, 54]],
      [[640, 96, 640, 150]],
      [[500, 180, 135, 180, 135, 270]],
      [[560, 198, 560, 234, 400, 234, 400, 270]],
      [[665, 198, 665, 270]],
      [[135, 336, 135, 391, 250, 391]],
      [[400, 336, 400, 376]],
      [[665, 336, 665, 391, 550, 391]],
    ],
  },
  'states-of-a-container': {
    title: 'The states of a container',
    about:
      'A container begins raw and becomes warm. Warm memory is opened by an epoch or a region, and becomes warm again. Open or warm memory waits if somebody claims it. When the last claim has ended it is leaving, and then warm, or it waits again. From each of these states it can end: it is Rust’s alone then, or V8’s.',
    height: 330,
    boxes: [
      ['ask', 20, 40, 150, ['raw', 'leased, not seen']],
      ['good', 240, 40, 170, ['warm', 'the pool’s']],
      ['use', 540, 40, 190, ['open', 'an epoch’s, a region’s']],
      ['wait', 540, 160, 190, ['waiting', 'claimed: no byte changes']],
      ['wait', 240, 160, 170, ['leaving', 'its end is under way']],
      ['end', 330, 270, 260, ['ended: Rust’s alone, or V8’s']],
    ],
    arrows: [
      [[170, 64, 240, 64]],
      [[410, 54, 540, 54], 'taken', [475, 46], 'middle'],
      [[540, 76, 410, 76], 'reset', [475, 92], 'middle'],
      [[635, 88, 635, 160], 'hold, operation', [643, 128], 'start'],
      [[540, 178, 410, 178], 'last claim ended', [475, 172], 'middle'],
      [[410, 196, 540, 196], 'claimed again', [475, 212], 'middle'],
      [[395, 88, 395, 124, 575, 124, 575, 160], 'claimed', [475, 118], 'middle'],
      [[325, 160, 325, 88], 'used again', [317, 128], 'end'],
      [[95, 88, 95, 285, 330, 285], 'transferred, in doubt, or closed', [103, 304], 'start'],
      [[255, 88, 255, 104, 215, 104, 215, 285, 330, 285]],
      [[370, 208, 370, 270]],
      [[560, 208, 560, 270]],
      [[730, 64, 770, 64, 770, 285, 590, 285]],
    ],
  },
};

/** Questions below each other, with the answer of each at its right. */
function tree(rows) {
  const [top, step, height] = [20, 72, 48];
  const at = (row) => top + row * step;
  return {
    boxes: rows.flatMap(([question, answer, more], row) => [
      ['ask', 20, at(row), 330, [question]],
      ['use', 430, at(row), 350, [answer, more]],
    ]),
    arrows: rows.flatMap((_, row) => {
      const middle = at(row) + height / 2;
      const yes = [[350, middle, 430, middle], 'yes', [390, middle - 6], 'middle'];
      if (row === rows.length - 1) return [yes];
      return [
        yes,
        [[185, at(row) + height, 185, at(row + 1)], 'no', [193, at(row) + height + 16], 'start'],
      ];
    }),
    boxHeight: height,
  };
}

const escaped = (text) => text.replace(/[&<>"]/g, (one) => `&#${one.codePointAt(0)};`);

function textOf(x, y, content, fill, { anchor = 'middle', bold = false } = {}) {
  const weight = bold ? ' font-weight="600"' : '';
  return `<text x="${x}" y="${y}" font-size="13" fill="${fill}" text-anchor="${anchor}"${weight}>${escaped(content)}</text>`;
}

function boxOf([kind, x, y, width, lines], colours, boxHeight) {
  const [fill, stroke] = colours[kind];
  const height = boxHeight ?? lines.length * LINE + 14;
  const first = y + (height - lines.length * LINE) / 2 + 13;
  return [
    `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="6" fill="${fill}" stroke="${stroke}"/>`,
    ...lines.map((line, n) =>
      textOf(x + width / 2, first + n * LINE, line, n === 0 ? colours.text : colours.muted, {
        bold: n === 0,
      }),
    ),
  ];
}

function arrowOf([points, label, at, anchor], colours) {
  const drawn = `<polyline points="${points.join(' ')}" fill="none" stroke="${colours.arrow}" stroke-width="1.5" marker-end="url(#to)"/>`;
  return label === undefined ? [drawn] : [drawn, textOf(...at, label, colours.muted, { anchor })];
}

/** A picture as SVG, in the colours of a theme. */
function pictureOf(name, theme) {
  const { title, about, height, boxes, arrows, boxHeight } = PICTURES[name];
  const colours = COLOURS[theme];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" font-family="system-ui, DejaVu Sans, sans-serif" role="img" aria-labelledby="t d">`,
    `<title id="t">${escaped(title)}</title>`,
    `<desc id="d">${escaped(about)}</desc>`,
    `<defs><marker id="to" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" fill="${colours.arrow}"/></marker></defs>`,
    ...boxes.flatMap((box) => boxOf(box, colours, boxHeight)),
    ...arrows.flatMap((arrow) => arrowOf(arrow, colours)),
    '</svg>',
    '',
  ].join('\n');
}

/** Every file: its name, from the clone's folder, and its content. */
const pictures = () =>
  Object.keys(PICTURES).flatMap((name) =>
    Object.keys(COLOURS).map((theme) => [`docs/${name}-${theme}.svg`, pictureOf(name, theme)]),
  );

if (require.main === module) {
  for (const [file, text] of pictures()) fs.writeFileSync(path.join(__dirname, '..', file), text);
}

module.exports = { pictures };
