// Prepares the tree of stacks for drawing: weights, colours and texts, and the same as a table.

import { colour, h } from './dom.mjs';
import { bytes, percent } from './format.mjs';
import { asTable } from './table.mjs';

export const WEIGHTS = { bytes: 'Allocated', live: 'Alive at the end', peak: 'At the peak' };
/** The table has only nodes with at least this share. */
const LEAST_SHARE = 0.005;

/** The tree with one of its weights as `value`. A parent has at least the sum of its children. */
export function weigh(node, weight) {
  const children = node.children
    .map((child) => weigh(child, weight))
    .filter(({ value }) => value > 0);
  const inside = children.reduce((sum, { value }) => sum + value, 0);
  return { ...node, value: Math.max(node[weight], inside), children };
}

export const depthOf = ({ children }) => 1 + Math.max(0, ...children.map(depthOf));

export const colourOf = ({ data, highlight }) =>
  colour(highlight ? 'found' : `flame-${data.owner}`);

export const labelOf = ({ data }, total) =>
  [data.name, bytes(data.value), percent(data.value / total)].join(', ');

function rowsOf(node, total, depth = 0) {
  const own = { name: node.name, depth, value: node.value, share: node.value / total };
  const seen = node.children.filter(({ value }) => value >= total * LEAST_SHARE);
  return [own, ...seen.flatMap((child) => rowsOf(child, total, depth + 1))];
}

export function treeTable(root, weight) {
  const caption = `Bytes by stack: ${WEIGHTS[weight].toLowerCase()}`;
  const columns = [
    {
      title: 'Function, from the outermost in',
      show: ({ name, depth }) => {
        const cell = h('span.tree', h('span.hidden', `level ${depth} `), name);
        cell.style.paddingInlineStart = `${Math.min(depth, 24) * 0.8}em`;
        return cell;
      },
    },
    { title: 'Bytes', number: true, show: ({ value }) => bytes(value) },
    { title: 'Share', number: true, show: ({ share }) => percent(share) },
  ];
  return asTable({ caption, columns, rows: rowsOf(root, root.value) });
}

/** The node that an arrow key leads to. Nodes that are hidden by a zoom have no width. */
export function neighbour(node, key) {
  const siblings = node.parent?.children.filter(({ x1, x0 }) => x1 > x0) ?? [node];
  const at = siblings.indexOf(node);
  if (key === 'ArrowUp') return node.parent;
  if (key === 'ArrowDown') return node.children?.find(({ x1, x0 }) => x1 > x0);
  if (key === 'ArrowLeft') return siblings[at - 1];
  if (key === 'ArrowRight') return siblings[at + 1];
  return undefined;
}
