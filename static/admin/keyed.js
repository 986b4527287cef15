/**
 * Lists that are drawn again and again: what is the same stays the same element, so that neither the focus nor what
 * somebody selected is lost every few seconds.
 * @module
 */

/** @type {WeakMap<Element, string>} */
const drawnAs = new WeakMap();

/**
 * Have `list` show `items`, in their order.
 * @template T
 * @param {HTMLElement} list
 * @param {T[]} items
 * @param {(item: T) => unknown} signature which says all that an item's element shows, and is no other item's
 * @param {(item: T) => HTMLElement} make
 * @param {HTMLElement} heading has the focus once the element is gone that had it
 */
export function draw(list, items, signature, make, heading) {
  const hadFocus = list.contains(document.activeElement);
  const known = new Map([...list.children].map((node) => [drawnAs.get(node), node]));
  const wanted = items.map((item) => ({ item, as: JSON.stringify(signature(item)) }));
  const kept = new Set(wanted.map(({ as }) => as));
  for (const [as, node] of known) if (!kept.has(as ?? "")) node.remove();
  let next = list.firstElementChild;
  for (const { item, as } of wanted) {
    const there = known.get(as);
    if (there && there === next) {
      next = next.nextElementSibling;
      continue;
    }
    const node = there ?? make(item);
    drawnAs.set(node, as);
    list.insertBefore(node, next);
  }
  if (hadFocus && !list.contains(document.activeElement)) heading.focus();
}
