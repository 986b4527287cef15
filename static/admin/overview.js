/**
 * How the service does: its figures, and its processes.
 * @module
 */

import { el } from "../page/dom.js";
import { draw } from "./keyed.js";
import { Window } from "./figures.js";
import { part, say, when } from "./parts.js";
import { words } from "./words.js";

/**
 * @import { Figures } from "./figures.js"
 * @import { State } from "./service.js"
 */

/** @typedef {{label: string, value: string, isBad?: boolean}} Figure */

export class Overview {
  #window = new Window();
  #note = el("p", { class: "muted" });
  #figures = el("dl", { class: "figures" });
  #leaving = el("p", { class: "muted", hidden: true });
  #processes = el("ul", { class: "processes" });
  #part = part("figures", words.figures.title, this.#figures, this.#note);
  #machine = part("processes", words.processes.title, this.#leaving, this.#processes);
  nodes = [this.#part.node, this.#machine.node];

  /** @param {State} state */
  show({ figures, version }) {
    this.#machine.node.hidden = figures === null;
    if (figures === null) {
      say(this.#note, words.figures.withheld);
      return;
    }
    this.#window.add(figures);
    const seconds = this.#window.seconds;
    say(this.#note, seconds > 0 ? words.figures.over(seconds) : words.figures.measuring);
    this.#drawFigures([...this.#live(figures), ...this.#broker(figures), { label: words.figures.version, value: version }]);
    this.#drawProcesses(figures);
  }

  /** @type {(figures: Figures) => Figure[]} */
  #live({ now }) {
    const says = words.figures;
    const rates = this.#window;
    const refused = rates.seconds > 0 ? (rates.rate("refusals") ?? 0) + (rates.rate("refused") ?? 0) : null;
    return [
      { label: says.sockets, value: words.number(now.sockets) },
      { label: says.rooms, value: words.number(now.rooms) },
      { label: says.messages, value: words.rate(rates.rate("published")) },
      { label: says.deliveries, value: words.rate(rates.rate("deliveries")) },
      { label: says.delivery, value: words.time(rates.percentile("delivery", 0.5)) },
      { label: says.slowest, value: words.time(rates.percentile("delivery", 0.99)) },
      { label: says.requests, value: words.rate(rates.rate("requests")) },
      { label: says.refused, value: words.rate(refused) },
      { label: says.behind, value: words.number(now.behind) },
      { label: says.resets, value: words.rate(rates.rate("resets")) },
      { label: says.unsent, value: words.bytes(now.unsent_bytes) },
    ];
  }

  /** @type {(figures: Figures) => Figure[]} */
  #broker({ broker }) {
    const says = words.figures;
    const is = says.brokerIs(broker.kind, broker.version);
    const value = broker.fault === null ? is : `${is}: ${says.brokerFails(broker.fault)}`;
    const round = { label: says.roundTrip, value: words.time(this.#window.percentile("round_trip", 0.99)) };
    return [{ label: says.broker, value, isBad: broker.fault !== null }, ...(broker.kind === "redis" ? [round] : [])];
  }

  /** @param {Figure[]} figures */
  #drawFigures(figures) {
    const make = (/** @type {Figure} */ { label, value, isBad }) =>
      el("div", { class: isBad ? "bad" : null }, el("dt", {}, label), el("dd", {}, value));
    draw(this.#figures, figures, (figure) => figure, make, this.#part.heading);
  }

  /** @param {Figures} figures */
  #drawProcesses({ processes, now }) {
    const says = words.processes;
    say(this.#leaving, now.draining > 0 ? says.leaving(now.draining) : "");
    const rows = processes.map((process) => ({
      name: says.name(process.process),
      facts: [
        [says.load, words.part(this.#window.load(process))],
        [says.memory, words.bytes(process.memory)],
        [says.descriptors, says.descriptorsOf(process.descriptors, process.descriptors_limit)],
        [says.since, when(process.started * 1000)],
      ],
    }));
    draw(
      this.#processes,
      rows,
      (row) => row,
      ({ name, facts }) =>
        el(
          "li",
          {},
          el("h3", {}, name),
          el("dl", {}, ...facts.map(([label, value]) => el("div", {}, el("dt", {}, label), el("dd", {}, value)))),
        ),
      this.#machine.heading,
    );
  }
}
