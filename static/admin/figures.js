/**
 * Rates and percentiles, made of what the service counted: by two of its answers, of the same processes.
 * @module
 */

/** @typedef {"sockets" | "rooms" | "behind" | "unsent_bytes" | "processes" | "draining"} Gauge */
/** @typedef {"published" | "deliveries" | "requests" | "refusals" | "errors" | "opened" | "refused" | "resets"} Counter */
/** @typedef {Record<string, number>} Buckets how many were within each bound, in seconds; "+Inf" has all */
/** @typedef {{process: number, started: number, memory: number, cpu: number, descriptors: number, descriptors_limit: number}} Process */

/**
 * @typedef {object} Figures
 * @property {string} group of processes, whose figures these are
 * @property {number} seconds by their clock
 * @property {{kind: "redis" | "sqlite", version: string, fault: string | null}} broker
 * @property {Record<Gauge, number>} now
 * @property {Record<Counter, number>} counted
 * @property {Record<"delivery" | "round_trip", Buckets>} measured
 * @property {Process[]} processes
 */

const WINDOW_S = 30;

/** The answers of the last half minute, of the one group that answered last. */
export class Window {
  /** @type {Figures[]} */
  #kept = [];

  /** @param {Figures} figures the newest */
  add(figures) {
    const last = this.#kept.at(-1);
    if (last && last.group !== figures.group) this.#kept = [];
    this.#kept.push(figures);
    while (this.#kept.length > 2 && figures.seconds - this.#kept[1].seconds >= WINDOW_S) this.#kept.shift();
  }

  /** Over how many seconds its figures are; 0 of a single answer. */
  get seconds() {
    return this.#newest.seconds - this.#oldest.seconds;
  }

  /** How many a second. @type {(counter: Counter) => number | null} null: not known yet */
  rate(counter) {
    return this.#over(this.#newest.counted[counter] - this.#oldest.counted[counter]);
  }

  /** How much of a core a process used, 1 for all of it. @type {(process: Process) => number | null} */
  load({ process, started, cpu }) {
    const before = this.#oldest.processes.find((one) => one.process === process && one.started === started);
    return before ? this.#over(cpu - before.cpu) : null;
  }

  /** @type {(what: "delivery" | "round_trip", part: number) => number | null} seconds; null where nothing was measured */
  percentile(what, part) {
    if (this.seconds === 0) return null;
    const before = this.#oldest.measured[what];
    const grown = Object.entries(this.#newest.measured[what]).map(([end, count]) => [end, count - (before[end] ?? 0)]);
    return percentile(Object.fromEntries(grown), part);
  }

  /** @param {number} grown */
  #over(grown) {
    return this.seconds > 0 ? grown / this.seconds : null;
  }

  get #oldest() {
    return this.#kept[0];
  }

  get #newest() {
    return this.#kept[this.#kept.length - 1];
  }
}

/**
 * As Prometheus has it: evenly within a bucket, and the last end for what is beyond.
 * @type {(buckets: Buckets, part: number) => number | null}
 */
export function percentile(buckets, part) {
  const ends = Object.entries(buckets)
    .map(([end, count]) => ({ end: end === "+Inf" ? Infinity : Number(end), count }))
    .sort((one, other) => one.end - other.end);
  const rank = part * (ends.at(-1)?.count ?? 0);
  if (rank <= 0) return null;
  let [low, below] = [0, 0];
  for (const { end, count } of ends) {
    if (count >= rank) return end === Infinity ? low : low + ((end - low) * (rank - below)) / (count - below);
    [low, below] = [end, count];
  }
  return null;
}
