/**
 * Compares modules as they are served in one file with the modules as they are written: what a parser reads of both must
 * be the same, but for imports, exports, private names, and the paths of what is loaded later. Prints what is not.
 *
 *     node compare.js <joined file> <folder of the modules> <path of the last of them below it>
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, posix } from "node:path";

import { parse } from "acorn";
/** @import { AnyNode, Literal, Program, VariableDeclarator } from "acorn" */

/**
 * What a module takes from others, [local name, module, name there], what it gives, and the rest of it.
 * @typedef {{ taken: string[][], given: Record<string, string>, statements: AnyNode[] }} Linkage
 */

const [joined, folder, entry] = process.argv.slice(2);

/** @type {(path: string) => Program} */
const read = (path) => parse(readFileSync(path, "utf8"), { sourceType: "module", ecmaVersion: "latest" });

/**
 * A tree without places; `import()` by the path below the folder, private names by the order in which they come.
 * @type {(nodes: AnyNode[], path: string) => string}
 */
function plain(nodes, path) {
  const names = new Map();
  return JSON.stringify(nodes, (key, value) => {
    if (key === "start" || key === "end") return undefined;
    if (value?.type === "PrivateIdentifier") {
      if (!names.has(value.name)) names.set(value.name, names.size);
      return { secretly: names.get(value.name) };
    }
    if (value?.type === "ImportExpression") return { lazily: posix.join(path, value.source.value) };
    return value;
  });
}

/** @type {(path: string) => string} */
const name = (path) => `$${path.replace(/\.js$/, "").replace(/\W/g, "_")}`;

/** @type {string[]} */
const troubles = [];
/** @type {(path: string, what: string) => void} */
const differ = (path, what) => void troubles.push(`${path}: ${what}`);

/** The name of what can only be one: in modules.py no other form is allowed there. @type {(node: AnyNode) => string} */
function named(node) {
  assert(node.type === "Identifier");
  return node.name;
}

/** By what is written. @type {(program: Program, path: string) => Linkage} */
function linkage(program, path) {
  /** @type {Linkage} */
  const { taken, given, statements } = { taken: [], given: {}, statements: [] };
  /** @type {(source: Literal) => string} */
  const nameOf = ({ value }) => name(posix.join(posix.dirname(path), String(value)));
  for (const node of program.body) {
    if (node.type === "ImportDeclaration") {
      for (const one of node.specifiers) {
        assert(one.type === "ImportSpecifier");
        taken.push([one.local.name, nameOf(node.source), named(one.imported)]);
      }
    } else if (node.type === "ExportNamedDeclaration") {
      const { declaration, source } = node;
      if (declaration) {
        statements.push(declaration);
        const declared = declaration.type === "VariableDeclaration" ? declaration.declarations : [declaration];
        for (const { id } of declared) given[named(id)] = named(id);
      }
      for (const { local, exported } of node.specifiers) {
        given[named(exported)] = source ? `${nameOf(source)}.${named(local)}` : named(local);
      }
    } else {
      statements.push(node);
    }
  }
  return { taken, given, statements };
}

/** What a statement takes from another module by its name: undefined where it does something else. @type {(node: AnyNode) => string[][] | undefined} */
function takes(node) {
  if (node.type !== "VariableDeclaration") return undefined;
  const [{ id, init }] = node.declarations;
  if (id.type !== "ObjectPattern" || init?.type !== "Identifier" || !init.name.startsWith("$")) return undefined;
  return id.properties.map((one) => {
    assert(one.type === "Property");
    return [named(one.value), init.name, named(one.key)];
  });
}

/** The same by what is served. @type {(declared: VariableDeclarator) => Linkage} */
function served({ init }) {
  assert(init?.type === "CallExpression" && init.callee.type === "ArrowFunctionExpression");
  assert(init.callee.body.type === "BlockStatement");
  const statements = [...init.callee.body.body];
  const answer = statements.pop();
  assert(answer?.type === "ReturnStatement" && answer.argument?.type === "ObjectExpression");
  const given = answer.argument.properties.map((one) => {
    assert(one.type === "Property");
    const { key, value } = one;
    return [named(key), value.type === "MemberExpression" ? `${named(value.object)}.${named(value.property)}` : named(value)];
  });
  const own = statements.findIndex((one) => !takes(one));
  const begin = own < 0 ? statements.length : own;
  const taken = statements.slice(0, begin).flatMap((one) => takes(one) ?? []);
  return { taken, given: Object.fromEntries(given), statements: statements.slice(begin) };
}

const source = readFileSync(joined, "utf8");
const paths = [...source.matchAll(/^\/\/ (\S+\.js)$/gm)].map((match) => match[1]);
const declarations = read(joined).body.filter((one) => one.type === "VariableDeclaration");
if (paths.length !== declarations.length) differ(joined, `${paths.length} names, ${declarations.length} modules`);
paths.forEach((path, index) => {
  const [declared] = declarations[index].declarations;
  const was = linkage(read(join(folder, path)), path);
  const is = served(declared);
  if (named(declared.id) !== name(path)) differ(path, `is called ${named(declared.id)}`);
  if (JSON.stringify(was.taken) !== JSON.stringify(is.taken)) differ(path, "imports are not the same");
  if (JSON.stringify(was.given) !== JSON.stringify(is.given)) differ(path, "exports are not the same");
  const texts = [was, is].map(({ statements }, side) => plain(statements, posix.dirname(side ? entry : path)));
  if (texts[0] !== texts[1]) differ(path, "statements are not the same");
});
console.log(JSON.stringify({ paths, troubles }));
