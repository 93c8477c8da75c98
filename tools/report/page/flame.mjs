// Bytes by stack, drawn by d3-flame-graph. Adds the keyboard control and the texts for screen readers that it lacks.

import flamegraph from 'd3-flame-graph';
import { select } from 'd3-selection';
import { h, newId, onTheme, onWidth, reducedMotion } from './dom.mjs';
import { colourOf, depthOf, labelOf, neighbour, treeTable, WEIGHTS, weigh } from './tree.mjs';

const ROW = 20;
const TRANSITION_MS = 250;

class Flame {
  place = h('div.flame');
  told = h('p.told', { 'aria-hidden': 'true' }, ' ');
  beside = h('div');
  #chart;
  #root;
  #total = 1;
  #focused;

  constructor(tree, open) {
    this.tree = tree;
    this.open = open;
    this.weight = 'bytes';
    onWidth(this.place, (width) => this.#resize(width));
    onTheme(() => this.#update());
    this.place.addEventListener('keydown', (event) => this.#onKey(event));
    this.place.addEventListener('focusin', ({ target }) => this.#tell(select(target).datum()));
  }

  show(weight) {
    this.weight = weight;
    this.#root = weigh(this.tree, weight);
    this.#total = this.#root.value;
    this.beside.replaceChildren(treeTable(this.#root, weight));
    if (this.#chart === undefined) return;
    this.#chart.destroy();
    this.#draw(this.#chart.width());
  }

  search(text) {
    if (text === '') this.#chart?.clear();
    else this.#chart?.search(text);
    this.#describe();
  }

  reset() {
    this.#chart?.resetZoom();
    this.#describe();
  }

  #draw(width) {
    this.#chart = flamegraph()
      .width(width)
      .height(depthOf(this.#root) * ROW + 1)
      .cellHeight(ROW)
      .inverted(true)
      .minFrameSize(1)
      .transitionDuration(reducedMotion() ? 0 : TRANSITION_MS)
      .setColorMapper((node) => colourOf(node))
      .label((node) => labelOf(node, this.#total))
      .setSearchHandler(() => {})
      .onHover((node) => this.#tell(node))
      .onClick((node) => this.#describe(node));
    // Searches for plain text, not a regular expression: names contain parentheses and dots.
    this.#chart.setSearchMatch((node, text) =>
      node.data.name.toLowerCase().includes(text.toLowerCase()),
    );
    select(this.place).datum(structuredClone(this.#root)).call(this.#chart);
    this.#describe();
  }

  #resize(width) {
    if (this.#chart === undefined) this.#draw(width);
    else {
      this.#chart.width(width);
      this.#update();
    }
  }

  #update() {
    this.#chart?.update();
    this.#describe();
  }

  /** Describes the graph to assistive technology as a tree. Only one frame at a time can be reached by Tab. */
  #describe(zoomed) {
    const svg = this.place.querySelector('svg');
    svg.setAttribute('role', 'tree');
    svg.setAttribute('aria-label', `Bytes by stack, ${WEIGHTS[this.weight].toLowerCase()}`);
    svg.querySelector('text.title')?.remove();
    const frames = select(svg).selectAll('g.frame');
    this.#focused = zoomed ?? this.#focused;
    let reachable = false;
    frames.each((node, index, all) => {
      const isFocused = node === this.#focused;
      reachable ||= isFocused;
      all[index].setAttribute('role', 'treeitem');
      all[index].setAttribute('aria-level', String(node.depth + 1));
      all[index].setAttribute('aria-label', labelOf(node, this.#total));
      all[index].setAttribute('tabindex', isFocused ? '0' : '-1');
    });
    if (!reachable) frames.node()?.setAttribute('tabindex', '0');
  }

  #frameOf(node) {
    return select(this.place)
      .selectAll('g.frame')
      .filter((one) => one === node)
      .node();
  }

  #focus(node) {
    const frame = this.#frameOf(node);
    if (frame === null) return;
    for (const other of this.place.querySelectorAll('g[tabindex="0"]'))
      other.setAttribute('tabindex', '-1');
    frame.setAttribute('tabindex', '0');
    frame.focus();
    this.#focused = node;
  }

  #onKey(event) {
    const node = select(event.target).datum();
    if (node?.data === undefined) return;
    if (event.key === 'Enter' || event.key === ' ') this.#chart.zoomTo(node);
    else if (event.key === 'Escape') this.reset();
    else if (event.key.startsWith('Arrow')) {
      const next = neighbour(node, event.key);
      if (next !== undefined && next !== null) this.#focus(next);
    } else return;
    event.preventDefault();
  }

  #tell(node) {
    if (node?.data === undefined) return;
    const { line } = node.data;
    const link =
      line &&
      h('button.plain', { type: 'button', onclick: () => this.open(line) }, 'Show the line');
    this.told.replaceChildren(labelOf(node, this.#total), ...(link ? [' ', link] : []));
  }
}

const OWNERS = [
  ['application', 'the application'],
  ['dependency', 'dependencies'],
  ['source', 'what allocates'],
  ['request', 'a route'],
];

function weights(name, choose) {
  return Object.entries(WEIGHTS).map(([weight, text], index) => {
    const id = newId('weight');
    const attributes = { id, type: 'radio', name, value: weight, checked: index === 0 };
    return h(
      'span.choice',
      h('input', { ...attributes, onchange: () => choose(weight) }),
      h('label', { for: id }, text),
    );
  });
}

/** @param {(key: string) => void} open shows the line at the end of a stack */
export function flameSection({ flame: tree }, open) {
  const flame = new Flame(tree, open);
  const search = newId('search');
  const controls = h(
    'div.controls',
    h(
      'fieldset',
      h('legend', 'Bytes'),
      weights(newId('weights'), (weight) => flame.show(weight)),
    ),
    h('label', { for: search }, 'Mark'),
    h('input', {
      id: search,
      type: 'search',
      placeholder: 'function or file',
      oninput: ({ target }) => flame.search(target.value),
    }),
    h('button.plain', { type: 'button', onclick: () => flame.reset() }, 'Show all'),
  );
  flame.show('bytes');
  const keys = h(
    'p.key',
    { 'aria-hidden': 'true' },
    OWNERS.map(([name, words]) => h('span', h(`span.swatch.flame-${name}`), words)),
  );
  return h(
    'section',
    { id: 'stacks' },
    h('h2', 'Bytes by stack'),
    h(
      'p.note',
      'From the outermost function down to what allocates; the wider, the more bytes. Click or press Enter to enlarge a frame, Escape to go back; arrow keys move.',
    ),
    controls,
    keys,
    flame.place,
    flame.told,
    flame.beside,
  );
}
