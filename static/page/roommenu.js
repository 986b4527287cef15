/**
 * What can be chosen for a room in the list.
 * @module
 */

import { openMenu } from "./menu.js";
import { words } from "./words.js";

/**
 * @import { Alerts } from "./alerts.js"
 * @import { Item } from "./menu.js"
 * @import { JoinedRoom } from "./sidebar.js"
 */

/**
 * Open its menu, once it is known of which messages can be told.
 * @param {object} about
 * @param {JoinedRoom} about.room as it is drawn
 * @param {boolean} about.leavable
 * @param {object} about.on
 * @param {(room: string) => void} about.on.leave
 * @param {(room: string, fact: "favourite" | "muted", on: boolean) => void} about.on.choose
 * @param {() => Promise<Alerts | null>} about.on.alerts
 * @param {HTMLElement} about.within the part of the page that it belongs to
 * @param {() => HTMLElement | null} about.opener
 */
export async function openRoomMenu({ room, leavable, on, within, opener }) {
  const { name, favourite, muted } = room;
  const alerts = await on.alerts();
  /** @type {Item[][]} */
  const items = [
    [
      { label: words.sidebar.favourite, checked: favourite, choose: () => on.choose(name, "favourite", !favourite) },
      { label: words.sidebar.muted, checked: muted, choose: () => on.choose(name, "muted", !muted) },
    ],
    alerts ? alertItems(alerts, name) : [],
    ...(leavable ? [[{ label: words.sidebar.leave(name), choose: () => on.leave(name) }]] : []),
  ];
  openMenu({ label: words.sidebar.menu(name), about: `#${name}`, items, within, opener });
}

/** @type {(alerts: Alerts, room: string) => Item[]} */
function alertItems(alerts, room) {
  if (!alerts.possible) return [];
  const level = alerts.level(room);
  const { group, all, mentions, none, sound } = words.alerts;
  return [
    { label: all, group, checked: level === "all", choose: () => alerts.choose(room, "all") },
    { label: mentions, group, checked: level === "mentions", choose: () => alerts.choose(room, "mentions") },
    { label: none, group, checked: level === "", choose: () => alerts.choose(room, "") },
    { label: sound, checked: alerts.sound, choose: () => (alerts.sound = !alerts.sound) },
  ];
}
