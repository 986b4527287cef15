/**
 * How the page looks, to be chosen in a dialog. What is chosen is seen at once.
 * @module
 */

import { el } from "./dom.js";
import { chooseLanguage, chosenLanguage, LANGUAGES } from "./languages.js";
import { openLayer } from "./overlay.js";
import { DENSITIES, looks, THEMES } from "./looks.js";
import { toast } from "./status.js";
import { words } from "./words.js";

/** @import { Language } from "./speech.js" */

/** Show it. */
export function showSettings() {
  const { title, theme, themes, density, densities, language, browser, close } = words.settings;
  const shut = el("button", { type: "button", class: "primary", onclick: () => closeLayer() }, close);
  const dialog = el(
    "dialog",
    { class: "confirm settings", "aria-labelledby": "settings-title" },
    el("h2", { id: "settings-title" }, title),
    choice("theme", theme, THEMES.map((value) => ({ value, says: themes[value] })), looks.theme, (value) => {
      looks.theme = value;
    }),
    choice("density", density, DENSITIES.map((value) => ({ value, says: densities[value] })), looks.density, (value) => {
      looks.density = value;
    }),
    choice("language", language, languages(browser), chosenLanguage(), (value) => void speak(value)),
    el("div", { class: "row" }, shut),
  );
  const closeLayer = openLayer(document.body.appendChild(dialog), () => dialog.remove());
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    closeLayer();
  });
}

/**
 * The browser's, and each by its own name.
 * @param {string} browser
 */
function languages(browser) {
  const names = Object.entries(LANGUAGES).map(([value, says]) => ({ value, says, lang: value }));
  return [{ value: "", says: browser, lang: undefined }, ...names];
}

/** @param {string} value */
async function speak(value) {
  if (await chooseLanguage(/** @type {Language | ""} */ (value))) return;
  toast(words.notices.notLoaded);
  for (const input of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("[name=language]"))) {
    input.checked = input.value === chosenLanguage();
  }
}

/**
 * One of several, as radio buttons.
 * @template {string} V
 * @param {string} name
 * @param {string} says what is chosen
 * @param {{value: V, says: string, lang?: string}[]} options
 * @param {V} chosen
 * @param {(value: V) => void} choose
 */
function choice(name, says, options, chosen, choose) {
  const boxes = options.map(({ value, says: label, lang }) => {
    const input = el("input", { type: "radio", name, value, checked: value === chosen, onchange: () => choose(value) });
    return el("label", { lang }, input, label);
  });
  return el("fieldset", { class: "choice" }, el("legend", {}, says), ...boxes);
}
