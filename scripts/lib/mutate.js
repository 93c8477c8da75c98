'use strict';

// The mutants of a source file, made from its syntax tree. Each is one change that a test should notice:
//
// - another operator; the opposite one not for a whole condition, which is forced to true and to false instead;
// - a condition forced; that of a loop only to false;
// - a number one more and one less, from 64 on doubled and halved, a boolean turned, a string emptied;
// - a statement dropped that calls or assigns, an `else` emptied, a returned value undefined.
//
// Not changed: what is required or exported; strings that are keys, are compared, or that people read (several words, or the text of
// an error, but for its code); the steps of `for` loops.

const acorn = require('acorn');

/** The boundary, and the opposite. */
const RELATIONS = { '<': ['<=', '>='], '<=': ['<', '>'], '>': ['>=', '<='], '>=': ['>', '<'] };
const OPPOSITES = { '===': '!==', '!==': '===', '==': '!=', '!=': '==' };
const OPERATORS = {
  ...{ '+': '-', '-': '+', '*': '/', '/': '*', '%': '*', '**': '*' },
  ...{ '&': '|', '|': '&', '^': '&', '<<': '>>', '>>': '<<', '>>>': '<<', '&&': '||', '||': '&&' },
  ...{ '+=': '-=', '-=': '+=', '*=': '/=', '/=': '*=', '%=': '*=', '&=': '|=', '|=': '&=' },
  ...{ '<<=': '>>=', '>>=': '<<=', '>>>=': '<<=', '&&=': '=', '||=': '=', '??=': '=' },
};

const isNode = (value) => typeof value?.type === 'string';
const isPlain = ({ value, name }) =>
  value === null || typeof value === 'boolean' || name === 'undefined';
const isRequire = ({ callee }) => callee?.name === 'require';
const isText = ({ type, value, operator, left, right }) =>
  type === 'TemplateLiteral' ||
  typeof value === 'string' ||
  (operator === '+' && (isText(left) || isText(right)));
const calleeOf = ({ callee }) => callee?.property?.name ?? callee?.name ?? '';
const isExports = ({ name, object, property }) =>
  name === 'exports' || (object !== undefined && (isExports(object) || isExports(property)));

/** Calls visit(node, parents), whose last one is the nearest, for each node. */
function walk(node, visit, parents = []) {
  visit(node, parents);
  const inner = [...parents, node];
  for (const child of Object.values(node).flat()) if (isNode(child)) walk(child, visit, inner);
}

function isEmptied(node, parents) {
  const parent = parents.at(-1);
  const { value } = node;
  if (value === '' || value.includes(' ') || parent.directive !== undefined) return false;
  if (parent.operator in OPPOSITES) return false;
  if (['require', 'Symbol', 'for'].includes(calleeOf(parent))) return false; // Symbol.for()
  return /^[A-Z_]+$/.test(value) || !parents.some((one) => calleeOf(one).endsWith('Error'));
}

/** What the whole of a node becomes, by its type. */
const WHOLE = {
  Literal(node, parents) {
    const { value } = node;
    const parent = parents.at(-1);
    if (parent.key === node && !parent.computed) return [];
    if (value >= 64 && typeof value === 'number') return [`${value * 2}`, `${value / 2}`];
    if (typeof value === 'number') return [`${value + 1}`, `${value - 1}`];
    if (typeof value === 'bigint') return [`${value + 1n}n`, `${value - 1n}n`];
    if (typeof value === 'boolean') return [`${!value}`];
    return typeof value === 'string' && isEmptied(node, parents) ? ["''"] : [];
  },
  ExpressionStatement({ directive, expression: { left, callee } }) {
    const stays = directive !== undefined || callee?.type === 'Super' || (left && isExports(left));
    return stays ? [] : [';'];
  },
  ReturnStatement: ({ argument }) => (argument === null || isPlain(argument) ? [] : ['return;']),
  MemberExpression: ({ object, property }) =>
    object.name !== 'Math' ? [] : ({ min: ['Math.max'], max: ['Math.min'] }[property.name] ?? []),
};

/** What other operators there are in the place of a node's. */
function othersOf({ operator, left, right }, isTest) {
  if (operator in RELATIONS) return isTest ? RELATIONS[operator].slice(0, 1) : RELATIONS[operator];
  if (operator in OPPOSITES) return isTest ? [] : [OPPOSITES[operator]];
  return OPERATORS[operator] && !isText(left) && !isText(right) ? [OPERATORS[operator]] : [];
}

/**
 * @typedef {object} Mutant
 * @property {number} start
 * @property {number} end of what is replaced
 * @property {string} text that it becomes
 * @property {number} line
 * @property {string} original the lines with it
 * @property {string} mutated
 * @returns {Mutant[]}
 */
function mutantsOf(source) {
  const mutants = [];
  const textOf = ({ start, end }) => source.slice(start, end);
  const replace = ({ start, end }, ...texts) => {
    const from = source.lastIndexOf('\n', start - 1) + 1;
    const to = source.indexOf('\n', end);
    const line = source.slice(0, from).split('\n').length;
    const original = source.slice(from, to).trim();
    for (const text of texts) {
      const mutated = (source.slice(from, start) + text + source.slice(end, to)).trim();
      mutants.push({ start, end, text, line, original, mutated });
    }
  };

  function visit(node, parents) {
    const { type, operator, left, test } = node;
    const parent = parents.at(-1);
    const isTest = parent?.test === node;
    replace(node, ...(WHOLE[type]?.(node, parents) ?? []));
    if (test && type !== 'SwitchCase' && test.type !== 'Literal')
      replace(test, ...(/^(If|Conditional)/.test(type) ? ['true', 'false'] : ['false']));
    if (type === 'IfStatement' && node.alternate && node.alternate.type !== 'IfStatement')
      replace(node.alternate, '{}');
    if (type === 'ArrowFunctionExpression' && node.expression) {
      if (!isPlain(node.body) && !isRequire(node.body)) replace(node.body, 'undefined');
    }
    if (type === 'UpdateExpression' && parent.update !== node)
      replace(node, textOf(node).replace(operator, operator === '++' ? '--' : '++'));
    if (type === 'UnaryExpression' && ['!', '-', '~'].includes(operator) && !isTest)
      replace(node, `(${textOf(node.argument)})`);
    if (operator === '??') replace(node, `(${textOf(left)})`, `(${textOf(node.right)})`);
    if (left === undefined || operator === undefined) return;
    const at = source.indexOf(operator, left.end);
    const rest = source.slice(at + operator.length, node.end);
    for (const other of othersOf(node, isTest)) {
      const text = source.slice(node.start, at) + other + rest;
      replace(node, type === 'AssignmentExpression' ? text : `(${text})`);
    }
  }

  walk(acorn.parse(source, { ecmaVersion: 'latest', sourceType: 'commonjs' }), visit);
  return mutants;
}

module.exports = { mutantsOf };
