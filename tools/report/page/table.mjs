// A table that sorts by its headings, for the pointer, the keyboard and screen readers.

import { h, newId } from './dom.mjs';

const NEXT = { descending: 'ascending', ascending: 'descending' };

function heading(column, sort) {
  const attributes = { scope: 'col', class: column.number ? 'number' : undefined };
  if (column.value === undefined || sort === undefined) return h('th', attributes, column.title);
  const button = h('button.sort', { type: 'button', title: column.help }, column.title);
  const cell = h('th', attributes, button);
  button.addEventListener('click', () => sort(column, cell));
  return cell;
}

function compare(column, direction) {
  const sign = direction === 'ascending' ? 1 : -1;
  return (a, b) => {
    const [x, y] = [column.value(a), column.value(b)];
    if (typeof x === 'string') return sign * x.localeCompare(y);
    return sign * ((x ?? Infinity) - (y ?? Infinity));
  };
}

const cellsOf = (columns, row) =>
  columns.map((column, index) => {
    const content = column.show(row);
    if (index === 0) return h('th', { scope: 'row' }, content);
    return h(column.number ? 'td.number' : 'td', content);
  });

/**
 * @param {{ caption: string, columns: { title: string, show: Function, value?: Function, number?: boolean }[],
 * rows: object[], sortable?: boolean, first?: number, row?: Function, empty?: string, named?: boolean }} options
 * `first`: the column that rows are sorted by already; `row`: makes the table rows for an item; `named`: whether the caption is visible
 * @returns {{ element: HTMLElement, update: (rows: object[]) => void }}
 */
export function table({
  caption,
  columns,
  rows,
  sortable = false,
  first,
  row: rowOf,
  empty,
  named = true,
}) {
  const body = h('tbody');
  let shown = rows;
  let order;
  const draw = () => {
    const sorted = order === undefined ? shown : shown.toSorted(compare(...order));
    const drawn = sorted.flatMap(
      (row) => rowOf?.(row, cellsOf) ?? [h('tr', cellsOf(columns, row))],
    );
    if (drawn.length === 0)
      drawn.push(h('tr', h('td.empty', { colspan: columns.length }, empty ?? 'Nothing.')));
    body.replaceChildren(...drawn);
  };
  const headings = columns.map((column, index) => {
    const sort = (by, cell) => {
      const direction =
        NEXT[cell.getAttribute('aria-sort')] ?? (by.number ? 'descending' : 'ascending');
      for (const one of headings) one.removeAttribute('aria-sort');
      cell.setAttribute('aria-sort', direction);
      order = [by, direction];
      draw();
    };
    const cell = heading(column, sortable ? sort : undefined);
    if (sortable && index === first) cell.setAttribute('aria-sort', 'descending');
    return cell;
  });
  draw();
  const id = newId('caption');
  const whole = h(
    'table',
    h('caption', { id, class: named ? undefined : 'hidden' }, caption),
    h('thead', h('tr', headings)),
    body,
  );
  // A table that is wider than the window can be scrolled, by the keyboard too.
  const element = h('div.scroll', { tabindex: 0, role: 'group', 'aria-labelledby': id }, whole);
  const update = (next) => {
    shown = next;
    draw();
  };
  return { element, update };
}

/** The table of a chart, for those who cannot see it. */
export function asTable(options) {
  return h('details.as-table', h('summary', 'The same as a table'), table(options).element);
}
