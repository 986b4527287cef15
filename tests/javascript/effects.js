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
/** @import { AnyNode } from "acorn" */

/** What is called or set, as far as no minifier may change it. @type {(node: AnyNode) => string} */
function name(node) {
  if (node.type !== "MemberExpression") return "";
  const { computed, property } = node;
  if (property.type === "PrivateIdentifier") return "#";
  if (property.type === "Literal") return String(property.value ?? "[]");
  return !computed && property.type === "Identifier" ? property.name : "[]";
}

/** @type {(node: AnyNode) => string} */
function effect(node) {
  switch (node.type) {
    case "CallExpression":
    case "NewExpression":
      return `${node.type} ${name(node.callee)}`;
    case "AssignmentExpression":
      return node.left.type === "MemberExpression" ? `set ${name(node.left)}` : "";
    case "AwaitExpression":
    case "YieldExpression":
    case "ImportExpression":
    case "TaggedTemplateExpression":
    case "ThrowStatement":
      return node.type;
    case "UnaryExpression":
      return node.operator === "delete" ? node.operator : "";
    case "Literal":
      return typeof node.value === "string" ? `text ${node.value}` : "";
    case "TemplateElement":
      return `text ${node.value.cooked}`;
    case "MemberExpression": // what is written as a text may be sent as a name
      return !node.computed && node.property.type === "Identifier" ? `text ${node.property.name}` : "";
    default:
      return "";
  }
}

/** @type {(value: object) => value is AnyNode} */
const isNode = (value) => "type" in value && typeof value.type === "string";

/** @type {(path: string) => Map<string, number>} */
function effects(path) {
  const counts = new Map();
  /** @type {(part: unknown) => void} */
  const visit = (part) => {
    if (typeof part !== "object" || part === null) return;
    const what = isNode(part) ? effect(part) : "";
    if (what) counts.set(what, (counts.get(what) ?? 0) + 1);
    Object.values(part).forEach(visit);
  };
  visit(parse(readFileSync(path, "utf8"), { sourceType: "module", ecmaVersion: "latest" }));
  return counts;
}

const [written, sent] = process.argv.slice(2);
const found = [];
for (const path of readdirSync(written, { recursive: true, encoding: "utf8" }).filter((one) => one.endsWith(".js"))) {
  const [was, is] = [effects(join(written, path)), effects(join(sent, path))];
  for (const what of new Set([...was.keys(), ...is.keys()])) {
    if (was.get(what) !== is.get(what)) found.push([path, what, was.get(what) ?? 0, is.get(what) ?? 0]);
  }
}
console.log(JSON.stringify(found));
