/**
 * The operator's page: who comes in with a moderator's token sees how the service does, and looks after rooms.
 * @module
 */

// First: it takes a token out of the address.
import { door } from "./door.js";
import { Desk } from "./desk.js";
import { words } from "./words.js";
import { byId, el } from "../page/dom.js";
import "../page/looks.js";
import "../page/language.js"; // which has the one that this page speaks
import { learn, learnMore } from "../page/words.js";

/** @type {Desk | null} */
let desk = null;

/** With the token that there is, or with words of how to get one. @param {string} [why] a sentence */
function begin(why = "") {
  desk?.end();
  desk = door.token === null ? null : new Desk(door.token, leave);
  byId("admin").replaceChildren(desk ? desk.node : entrance(why));
}

/** @param {string} [why] a sentence; without one it was asked for */
function leave(why) {
  door.drop();
  begin(why);
}

/** @param {string} why */
function entrance(why) {
  const says = words.door;
  const button = el("button", { type: "button", class: "primary", onclick: () => door.signIn() }, says.signIn);
  return el(
    "main",
    { class: "entrance" },
    el(
      "div",
      { class: "card" },
      el("h1", {}, words.title),
      el("p", { class: "field-error", role: "alert" }, why),
      el("p", { class: "muted" }, door.canSignIn ? says.orSignIn : says.byLink),
      ...(door.canSignIn ? [button] : []),
    ),
  );
}

await Promise.all([learn(), learnMore()]);
begin();
// A link was followed inside of the page.
addEventListener("hashchange", () => door.take() && begin());
