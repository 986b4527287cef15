/**
 * What moderators can do about somebody, in a dialog that says what will happen; and taking it back.
 *
 * The service doesn't tell what holds against whom. So what was done is offered to be taken back at once, and can be
 * taken back here at any time.
 * @module
 */

import { RequestError } from "../client/core.js";
import { el } from "./dom.js";
import { openLayer } from "./overlay.js";
import { toast } from "./status.js";
import { refusal, span, words } from "./words.js";

/**
 * @import { Action, Moderate, Moderated, Person } from "../client/protocol.js"
 * @import { Sanction } from "./words.js"
 */

/** @typedef {Omit<Moderate, "type" | "ref">} Order */

/**
 * @typedef {object} Case
 * @property {Person} person who it is about
 * @property {string} room that is looked at
 * @property {boolean} everywhere whether we may do it in all rooms
 * @property {(order: Order) => Promise<Moderated>} moderate
 */

/** What can be done, and what takes it back; a kick holds nothing back afterwards. */
const UNDO = /** @type {const} */ ({ mute: "unmute", slow: "unslow", kick: null, ban: "unban" });
const DO = /** @type {(keyof typeof UNDO)[]} */ (Object.keys(UNDO));
const LIFT = /** @type {const} */ (["unmute", "unslow", "unban"]);

const TERMS_S = [600, 3600, 86_400, 604_800, 2_592_000];
const FOR_GOOD = "";
const NETWORK_LONGEST = String(TERMS_S.at(-1)); // as the service has it: networks get other people
const GUEST = "g-"; // how their ids begin
const REASON_LIMIT = 200; // characters, as the service's

/**
 * Ask what is to be done about somebody.
 * @param {Case} about
 */
export function openModeration(about) {
  const { person, room, everywhere } = about;
  const says = words.moderation;
  const what = select("moderation-what", [
    el("optgroup", { label: says.restrict }, ...DO.map((action) => option(action, says.actions[action]))),
    el("optgroup", { label: says.lift }, ...LIFT.map((action) => option(action, says.actions[action]))),
  ]);
  const where = select("moderation-where", [option(room, says.here(room)), ...(everywhere ? [option("", says.everywhere)] : [])]);
  const term = select("moderation-term", [
    ...TERMS_S.map((seconds) => option(String(seconds), span(seconds))),
    option(FOR_GOOD, says.forGood),
  ]);
  const reason = el("input", { id: "moderation-reason", maxLength: REASON_LIMIT, autocomplete: "off", dir: "auto" });
  const network = el("input", { id: "moderation-network", type: "checkbox" });
  const note = el("p", { id: "moderation-note", class: "muted" });
  const error = el("p", { class: "field-error", role: "alert" });
  const send = el("button", { type: "submit" });
  const fields = {
    term: field(says.forHowLong, term),
    reason: field(says.reason, reason),
    network: el("label", { class: "check" }, network, says.network),
  };
  what.setAttribute("aria-describedby", note.id);

  /** @returns {Order} as it is chosen */
  const order = () => {
    const action = /** @type {Action} */ (what.value);
    const lasts = !fields.term.hidden && term.value !== FOR_GOOD;
    return {
      user: person.id,
      action,
      ...(where.value && { room: where.value }),
      ...(lasts && { seconds: Number(term.value) }),
      ...(!fields.reason.hidden && reason.value.trim() && { reason: reason.value.trim() }),
      ...(!fields.network.hidden && network.checked && { network: true }),
    };
  };

  const show = () => {
    const action = what.value;
    const isGuest = person.id.startsWith(GUEST);
    fields.term.hidden = action === "kick" || isLift(action);
    fields.reason.hidden = action !== "kick" && action !== "ban"; // nobody is told why they are muted or slowed
    fields.network.hidden = !isGuest || action === "kick";
    const forGood = /** @type {HTMLOptionElement} */ (term.lastElementChild);
    forGood.disabled = !fields.network.hidden && network.checked;
    if (forGood.disabled && term.value === FOR_GOOD) term.value = NETWORK_LONGEST;
    note.textContent = says.will[/** @type {Action} */ (action)](sanction(order(), person));
    send.textContent = says.actions[/** @type {Action} */ (action)];
    send.className = action === "kick" || action === "ban" ? "danger" : "primary";
    error.textContent = "";
  };

  const cancel = el("button", { type: "button", class: "plain", onclick: () => close() }, words.shell.cancel);
  const form = el(
    "form",
    {},
    el("h2", { id: "moderation-title" }, words.sidebar.moderate(person.name)),
    field(says.what, what),
    field(says.where, where),
    ...Object.values(fields),
    note,
    error,
    el("div", { class: "row" }, cancel, send),
  );
  form.addEventListener("input", show);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    const why = await act(about, order());
    send.disabled = false;
    if (why === null) close();
    else error.textContent = why;
  });
  const dialog = el("dialog", { class: "confirm moderation", "aria-labelledby": "moderation-title" }, form);
  show();
  const close = openLayer(document.body.appendChild(dialog), () => dialog.remove());
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    close();
  });
  what.focus();
}

/**
 * Do it, say so, and offer to take it back.
 * @type {(about: Case, order: Order) => Promise<string | null>} why not, a sentence
 */
export async function act(about, order) {
  const says = words.moderation;
  try {
    await about.moderate(order);
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    return error.code in says.failed ? says.failed[/** @type {"offline"} */ (error.code)] : refusal(error.message, error.code);
  }
  const undo = isLift(order.action) ? null : UNDO[/** @type {keyof typeof UNDO} */ (order.action)];
  const done = says.done[order.action](sanction(order, about.person));
  toast(done, undo === null ? undefined : { label: says.undo, run: () => takeBack(about, order, undo) });
  return null;
}

/** @type {(about: Case, order: Order, action: Action) => Promise<void>} */
async function takeBack(about, { user, room, network }, action) {
  const why = await act(about, { user, action, ...(room !== undefined && { room }), ...(network && { network }) });
  if (why !== null) toast(words.moderation.notTakenBack(why));
}

/** What the sentences tell of. @type {(order: Order, person: Person) => Sanction} */
const sanction = ({ room, seconds, network = false }, { name }) => ({
  name,
  room: room ?? null,
  seconds: seconds ?? null,
  network,
});

/** @param {string} action */
const isLift = (action) => /** @type {readonly string[]} */ (LIFT).includes(action);

/** @type {(id: string, options: (HTMLOptionElement | HTMLOptGroupElement)[]) => HTMLSelectElement} */
const select = (id, options) => el("select", { id }, ...options);

/** @type {(value: string, text: string) => HTMLOptionElement} */
const option = (value, text) => el("option", { value }, text);

/** @type {(says: string, control: HTMLElement) => HTMLDivElement} */
const field = (says, control) => el("div", {}, el("label", { htmlFor: control.id }, says), control);
