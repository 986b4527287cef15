/**
 * What several parts of the operator's page are made of.
 * @module
 */

import { avatar, el, hueOf } from "../page/dom.js";
import { dayName, dayOf, moment, time } from "../page/format.js";

/** @import { Person } from "../client/protocol.js" */

/**
 * A part with its heading, which can have the focus.
 * @type {(name: string, title: string, ...children: (Node | string)[]) => {node: HTMLElement, heading: HTMLElement}}
 */
export function part(name, title, ...children) {
  const heading = el("h2", { id: `${name}-title`, tabIndex: -1 }, title);
  return { node: el("section", { id: name, class: "part", "aria-labelledby": heading.id }, heading, ...children), heading };
}

/** Show a text, or nothing. @type {(node: HTMLElement, text: string) => void} */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
  node.hidden = text === "";
}

/** "Today, 14:05". @param {number} at */
export const when = (at) => `${dayName(dayOf(at))}, ${time(at)}`;

/** The same as an element. @param {number} at */
export const stamp = (at) => el("time", { dateTime: new Date(at).toISOString(), title: moment(at), class: "muted" }, when(at));

/** Somebody's mark and name. @param {Person} person */
export const face = (person) => [
  avatar(person, "small"),
  el("bdi", { class: `name author ${hueOf(person.id)}`, title: person.id }, person.name),
];

/** How people are called, by their ids, as far as it was heard. */
export class Names {
  /** @type {Map<string, string>} */
  #known = new Map();

  /** @param {Person[]} people */
  learn(people) {
    for (const { id, name } of people) if (name) this.#known.set(id, name);
  }

  /** @param {string} id */
  of = (id) => this.#known.get(id) ?? id;
}
