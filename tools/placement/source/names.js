'use strict';

// Resolves the names of a source, as far as a look at its text tells.

const PATTERNS = {
  Identifier: (node) => [node],
  ObjectPattern: ({ properties }) => properties.flatMap((one) => namesIn(one.value ?? one)),
  ArrayPattern: ({ elements }) => elements.filter(Boolean).flatMap(namesIn),
  AssignmentPattern: ({ left }) => namesIn(left),
  RestElement: ({ argument }) => namesIn(argument),
};

/** The identifiers that a pattern binds or assigns. */
const namesIn = (pattern) => PATTERNS[pattern?.type]?.(pattern) ?? [];

const ofFunction = ({ id, params }) => [...namesIn(id), ...params.flatMap(namesIn)];

const BINDINGS = {
  VariableDeclarator: ({ id }) => namesIn(id),
  FunctionDeclaration: ofFunction,
  FunctionExpression: ofFunction,
  ArrowFunctionExpression: ofFunction,
  ClassDeclaration: ({ id }) => namesIn(id),
  ClassExpression: ({ id }) => namesIn(id),
  CatchClause: ({ param }) => namesIn(param),
  ImportSpecifier: ({ local }) => [local],
  ImportDefaultSpecifier: ({ local }) => [local],
  ImportNamespaceSpecifier: ({ local }) => [local],
};

/** `require('x')` -> 'x'. */
const requiredBy = (node) =>
  node?.type === 'CallExpression' && node.callee.name === 'require'
    ? node.arguments[0]?.value
    : undefined;

/** The value of a literal, or of a template without expressions; undefined for everything else. */
function textOf(node) {
  if (node?.type === 'TemplateLiteral' && node.quasis.length === 1) {
    return node.quasis[0].value.cooked;
  }
  return node?.type === 'Literal' ? node.value : undefined;
}

/** The name of a property, if it is written out; undefined if it is computed. */
function propertyOf({ property, key = property, computed }) {
  return computed ? textOf(key) : (key.name ?? key.value);
}

const isProperty = (node, parent) =>
  (parent.type === 'MemberExpression' && parent.property === node && !parent.computed) ||
  (/^(Property|MethodDefinition|PropertyDefinition)$/.test(parent.type) &&
    parent.key === node &&
    !parent.computed &&
    !parent.shorthand);

const ASSIGNED = {
  AssignmentExpression: ({ left }) => left,
  UpdateExpression: ({ argument }) => argument,
  ForInStatement: ({ left }) => left,
  ForOfStatement: ({ left }) => left,
};

class Names {
  /** Name -> the identifiers that bind it, anywhere in the file. */
  bound = new Map();
  /** Name -> an identifier that assigns it. */
  assigned = new Map();
  used = new Set();
  #source;

  constructor(source) {
    this.#source = source;
    for (const node of source.nodes) {
      for (const id of BINDINGS[node.type]?.(node) ?? []) {
        this.bound.set(id.name, [...(this.bound.get(id.name) ?? []), id]);
      }
      for (const id of namesIn(ASSIGNED[node.type]?.(node))) this.assigned.set(id.name, id);
      if (node.type !== 'Identifier') continue;
      const parent = source.parents.get(node);
      if (!isProperty(node, parent)) this.used.add(node.name);
    }
  }

  /**
   * The names at the top of the file that are bound to modules, or to exports of modules: `{ id,
   * imported, from, statement }`; `imported`: undefined for the whole module.
   */
  *imports() {
    for (const statement of this.#source.ast.body) {
      if (statement.type === 'ImportDeclaration') {
        for (const one of statement.specifiers) {
          const named = one.type === 'ImportSpecifier';
          const imported = named ? (one.imported.name ?? one.imported.value) : undefined;
          const isWhole = !named || imported === 'default';
          yield {
            id: one.local,
            imported: isWhole ? undefined : imported,
            from: statement.source.value,
            statement,
          };
        }
      }
      if (statement.type !== 'VariableDeclaration') continue;
      for (const { id, init } of statement.declarations) {
        const from = requiredBy(init);
        if (from !== undefined) yield* required(id, from, statement);
        const ofMember = init?.type === 'MemberExpression' && requiredBy(init.object);
        if (ofMember && id.type === 'Identifier') {
          yield { id, imported: propertyOf(init), from: ofMember, statement };
        }
      }
    }
  }

  /** Whether a name is bound once in the whole file and never assigned. */
  isFixed = (name) => this.bound.get(name)?.length === 1 && !this.assigned.has(name);

  /** A name like this one that the file does not use. */
  free(name, other) {
    if (!this.used.has(name)) return name;
    for (let n = 1; ; n++) {
      const next = n === 1 ? other : `${other}${n}`;
      if (!this.used.has(next)) return next;
    }
  }
}

function* required(id, from, statement) {
  if (id.type === 'Identifier') yield { id, from, statement };
  if (id.type !== 'ObjectPattern') return;
  for (const one of id.properties) {
    if (one.type !== 'Property' || one.value.type !== 'Identifier') continue;
    yield { id: one.value, imported: propertyOf(one), from, statement };
  }
}

/** The name of the function in a call. */
const calledName = ({ callee }) => callee.name ?? (callee.property && propertyOf(callee));

module.exports = { Names, calledName, propertyOf, requiredBy, textOf };
