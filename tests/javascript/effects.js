/**
 * What programs do that somebody else could see, counted: calls, by the name of what is called where that is a
 * property; objects made; what is awaited, yielded, thrown, deleted, and set in objects; texts. A minifier renames what
 * is declared and makes expressions of statements; what it leaves out or does twice shows here. Prints what differs
 * between files of the same path.
 *
 *     node effects.js <folder of what was written> <folder of what is sent>
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { parse } from "acorn";

/** What is called or set, as far as no minifier may change it. */
function name({ type, computed, property }) {
  if (type !== "MemberExpression") return "";
  if (property.type === "PrivateIdentifier") return "#";
  return computed ? (property.value ?? "[]") : property.name;
}

/** @type {(node: any) => string} */
function effect({ type, callee, left, operator, value, computed, property }) {
  switch (type) {
    case "CallExpression":
    case "NewExpression":
      return `${type} ${name(callee)}`;
    case "AssignmentExpression":
      return left.type === "MemberExpression" ? `set ${name(left)}` : "";
    case "AwaitExpression":
    case "YieldExpression":
    case "ImportExpression":
    case "TaggedTemplateExpression":
    case "ThrowStatement":
      return type;
    case "UnaryExpression":
      return operator === "delete" ? operator : "";
    case "Literal":
      return typeof value === "string" ? `text ${value}` : "";
    case "TemplateElement":
      return `text ${value.cooked}`;
    case "MemberExpression": // what is written as a text may be sent as a name
      return !computed && property.type === "Identifier" ? `text ${property.name}` : "";
    default:
      return "";
  }
}

/** @type {(path: string) => Map<string, number>} */
function effects(path) {
  const counts = new Map();
  const visit = (node) => {
    if (typeof node !== "object" || node === null) return;
    const what = typeof node.type === "string" ? effect(node) : "";
    if (what) counts.set(what, (counts.get(what) ?? 0) + 1);
    Object.values(node).forEach(visit);
  };
  visit(parse(readFileSync(path, "utf8"), { sourceType: "module", ecmaVersion: "latest" }));
  return counts;
}

const [written, sent] = process.argv.slice(2);
const found = [];
for (const path of readdirSync(written, { recursive: true }).filter((one) => one.endsWith(".js"))) {
  const [was, is] = [effects(join(written, path)), effects(join(sent, path))];
  for (const what of new Set([...was.keys(), ...is.keys()])) {
    if (was.get(what) !== is.get(what)) found.push([path, what, was.get(what) ?? 0, is.get(what) ?? 0]);
  }
}
console.log(JSON.stringify(found));
