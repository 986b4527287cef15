/**
 * Arrow keys in a row of buttons, as in ARIA's toolbars and radio groups.
 * @module
 */

const STEPS = new Map([["ArrowRight", 1], ["ArrowLeft", -1]]); // where text goes to the right
const DOWN = new Map([["ArrowDown", 1], ["ArrowUp", -1]]);

/** Where an arrow key leads in a row: 1 onwards, -1 back, 0 nowhere. @param {KeyboardEvent} event */
export const stepInRow = ({ key }) => (STEPS.get(key) ?? 0) * (document.dir === "rtl" ? -1 : 1);

/**
 * Move the focus with an arrow key to the next button, and from the last to the first.
 * @param {KeyboardEvent} event
 * @param {HTMLElement[]} buttons
 * @param {boolean} [both] whether Down and Up do it, too
 */
export function goAlong(event, buttons, both = false) {
  const step = stepInRow(event) || (both && DOWN.get(event.key)) || 0;
  const index = buttons.findIndex((button) => button === document.activeElement);
  if (step === 0 || index < 0) return;
  buttons[(index + step + buttons.length) % buttons.length].focus();
  event.preventDefault();
  event.stopPropagation();
}
