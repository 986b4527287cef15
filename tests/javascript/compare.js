/**
 * Compares modules as they are served in one file with the modules as they are written: what a parser reads of both must
 * be the same, but for imports, exports, private names, and the paths of what is loaded later. Prints what is not.
 *
 *     node compare.js <joined file> <folder of the modules> <path of the last of them below it>
 */

import { readFileSync } from "node:fs";
import { join, posix } from "node:path";

import { parse } from "acorn";

const [joined, folder, entry] = process.argv.slice(2);

/** @type {(path: string) => import("acorn").Program} */
const read = (path) => parse(readFileSync(path, "utf8"), { sourceType: "module", ecmaVersion: "latest" });

/** A tree without places; `import()` by the path below the folder, private names by the order in which they come. */
function plain(node, path) {
  const names = new Map();
  return JSON.stringify(node, (key, value) => {
    if (key === "start" || key === "end") return undefined;
    if (value?.type === "PrivateIdentifier") {
      if (!names.has(value.name)) names.set(value.name, names.size);
      return { secretly: names.get(value.name) };
    }
    if (value?.type === "ImportExpression") return { lazily: posix.join(path, value.source.value) };
    return value;
  });
}

const name = (path) => `$${path.replace(/\.js$/, "").replace(/\W/g, "_")}`;
const troubles = [];
const differ = (path, what) => troubles.push(`${path}: ${what}`);

/** What a module takes from others and gives, by what is written: [local name, module, name there]. */
function linkage(program, path) {
  const taken = [];
  const given = {};
  const statements = [];
  for (const node of program.body) {
    const source = node.source && posix.join(posix.dirname(path), node.source.value);
    if (node.type === "ImportDeclaration") {
      for (const { local, imported } of node.specifiers) taken.push([local.name, name(source), imported.name]);
    } else if (node.type === "ExportNamedDeclaration") {
      if (node.declaration) {
        statements.push(node.declaration);
        const { id, declarations } = node.declaration;
        for (const one of id ? [id] : declarations.map((declared) => declared.id)) given[one.name] = one.name;
      }
      for (const { local, exported } of node.specifiers) {
        given[exported.name] = source ? `${name(source)}.${local.name}` : local.name;
      }
    } else {
      statements.push(node);
    }
  }
  return { taken, given, statements };
}

/** The same by what is served. */
function served(declared) {
  const statements = declared.init.callee.body.body;
  const answer = statements.pop().argument;
  const taken = [];
  while (statements[0]?.type === "VariableDeclaration" && statements[0].declarations[0].init?.name?.startsWith("$")) {
    const [{ id, init }] = statements.shift().declarations;
    for (const { key, value } of id.properties) taken.push([value.name, init.name, key.name]);
  }
  const text = (value) => (value.type === "Identifier" ? value.name : `${value.object.name}.${value.property.name}`);
  const given = Object.fromEntries(answer.properties.map(({ key, value }) => [key.name, text(value)]));
  return { taken, given, statements };
}

const source = readFileSync(joined, "utf8");
const paths = [...source.matchAll(/^\/\/ (\S+\.js)$/gm)].map((match) => match[1]);
const declarations = read(joined).body.filter(({ type }) => type === "VariableDeclaration");
if (paths.length !== declarations.length) differ(joined, `${paths.length} names, ${declarations.length} modules`);
paths.forEach((path, index) => {
  const [declared] = declarations[index].declarations;
  const was = linkage(read(join(folder, path)), path);
  const is = served(declared);
  if (declared.id.name !== name(path)) differ(path, `is called ${declared.id.name}`);
  if (JSON.stringify(was.taken) !== JSON.stringify(is.taken)) differ(path, "imports are not the same");
  if (JSON.stringify(was.given) !== JSON.stringify(is.given)) differ(path, "exports are not the same");
  const texts = [was, is].map(({ statements }, side) => plain(statements, posix.dirname(side ? entry : path)));
  if (texts[0] !== texts[1]) differ(path, "statements are not the same");
});
console.log(JSON.stringify({ paths, troubles }));
