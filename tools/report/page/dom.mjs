// Makes elements: h('p.note', { id: 'a' }, 'text', child). Texts of a profile are never parsed as HTML.

const NAMESPACE = 'http://www.w3.org/1999/xhtml';

function setAttribute(element, name, value) {
  if (value === undefined || value === null || value === false) return;
  if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
  else element.setAttribute(name, value === true ? '' : String(value));
}

/** @returns {HTMLElement} */
export function h(what, ...rest) {
  const [tag, ...classes] = what.split('.');
  const element = document.createElementNS(NAMESPACE, tag);
  if (classes.length > 0) element.className = classes.join(' ');
  const [first] = rest;
  const attributes = first?.constructor === Object ? rest.shift() : {};
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  element.append(
    ...rest.flat(3).filter((child) => child !== undefined && child !== null && child !== false),
  );
  return element;
}

let ids = 0;

/** An id that no other element has. */
export const newId = (name) => `${name}-${++ids}`;

const dark = matchMedia('(prefers-color-scheme: dark)');
const colours = new Map();
dark.addEventListener('change', () => colours.clear());

/** A colour of the style sheet in the current scheme, light or dark. Cached, because thousands of frames ask for it. */
export function colour(name) {
  if (!colours.has(name)) colours.set(name, computed(name));
  return colours.get(name);
}

function computed(name) {
  const probe = h('span', { hidden: true });
  document.body.append(probe);
  probe.style.color = `var(--${name})`;
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** Calls back when colours have changed. */
export function onTheme(callback) {
  dark.addEventListener('change', callback);
}

/** Calls back with the width of an element, at first and when it has changed. */
export function onWidth(element, callback) {
  let known = 0;
  new ResizeObserver(([{ contentRect }]) => {
    const width = Math.floor(contentRect.width);
    if (width === known || width === 0) return;
    known = width;
    // Not within the observer's callback, because drawing may change the width again.
    requestAnimationFrame(() => callback(width));
  }).observe(element);
}

export const reducedMotion = () => matchMedia('(prefers-reduced-motion: reduce)').matches;
