/**
 * What holds against whom, with the way to lift it, and what was done by whom.
 * @module
 */

import { el } from "../page/dom.js";
import { act } from "../page/moderation.js";
import { toast } from "../page/status.js";
import { sentence } from "../page/words.js";
import { draw } from "./keyed.js";
import { part, say, when } from "./parts.js";
import { words } from "./words.js";

/**
 * @import { Case } from "../page/moderation.js"
 * @import { Names } from "./parts.js"
 * @import { Deed, Held } from "./service.js"
 */

const end = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const LIFTED_BY = /** @type {const} */ ({ ban: "unban", mute: "unmute", slow: "unslow" });

export class Sanctions {
  #names;
  #moderate;
  #everywhere;
  #list = el("ul", { class: "lines" });
  #note = el("p", { class: "muted" });
  #part = part("sanctions", words.sanctions.title, this.#list, this.#note);

  /**
   * @param {Names} names
   * @param {Case["moderate"]} moderate
   * @param {() => boolean} everywhere whether we may lift what holds everywhere
   */
  constructor(names, moderate, everywhere) {
    this.#names = names;
    this.#moderate = moderate;
    this.#everywhere = everywhere;
  }

  get node() {
    return this.#part.node;
  }

  /** @param {Held[]} sanctions */
  show(sanctions) {
    const mayLift = this.#everywhere();
    const rows = sanctions.map((held) => ({
      held,
      name: this.#names.of(held.user),
      by: this.#names.of(held.by),
      mayLift: held.room !== null || mayLift,
    }));
    draw(this.#list, rows, (row) => row, (row) => this.#row(row), this.#part.heading);
    say(this.#note, sanctions.length === 0 ? words.sanctions.none : "");
  }

  /** @param {{held: Held, name: string, by: string, mayLift: boolean}} row */
  #row({ held, name, by, mayLift }) {
    const { kind, user, room, network, until, reason } = held;
    const says = words.sanctions.held(held, name, until === null ? null : end.format(until));
    const order = { user, action: LIFTED_BY[kind], ...(room !== null && { room }), ...(network && { network }) };
    const button = el("button", { type: "button", class: "plain small" }, words.sanctions.lift[kind]);
    button.setAttribute("aria-label", `${button.textContent}: ${name}`);
    button.addEventListener("click", async () => {
      const about = { person: { id: user, name }, room: room ?? "", everywhere: room === null, moderate: this.#moderate };
      const why = await act(about, order);
      if (why !== null) toast(why);
    });
    const lift = mayLift ? [button] : [];
    return el("li", {}, el("p", { class: "says" }, says), ...lift, facts(words.by(by), sentence(reason)));
  }
}

export class Trail {
  #names;
  #list = el("ol", { class: "lines" });
  #note = el("p", { class: "muted" });
  #older = el("button", { type: "button", class: "plain", hidden: true }, words.trail.older);
  #part = part("trail", words.trail.title, this.#list, this.#note, this.#older);

  /**
   * @param {Names} names
   * @param {() => void} older asks for more
   */
  constructor(names, older) {
    this.#names = names;
    this.#older.addEventListener("click", older);
  }

  get node() {
    return this.#part.node;
  }

  /** @type {(deeds: Deed[], hasMore: boolean) => void} */
  show(deeds, hasMore) {
    const rows = deeds.map((deed) => ({ deed, name: deed.user.name || this.#names.of(deed.user.id) }));
    const make = (/** @type {{deed: Deed, name: string}} */ { deed, name }) => {
      const says = el("p", { class: "says", title: deed.user.id }, words.trail.done(deed, name));
      return el("li", {}, says, facts(words.by(deed.by.name), when(deed.at), sentence(deed.reason)));
    };
    draw(this.#list, rows, ({ deed, name }) => [deed.id, name], make, this.#part.heading);
    say(this.#note, deeds.length === 0 ? words.trail.none : "");
    if (!hasMore && this.#older === document.activeElement) this.#part.heading.focus();
    this.#older.hidden = !hasMore;
  }
}

/** What else is known, in a line. @param {string[]} known those that are not empty */
const facts = (...known) => el("p", { class: "muted" }, known.filter(Boolean).join(" · "));
