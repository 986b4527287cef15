/**
 * Deutsch: was gesagt wird, sobald alles geladen ist.
 * @module
 */

import { count, formOf, number, say, span } from "../words.js";

/** @import { LaterWords, Sanction } from "../words.js" */

/** @param {Sanction} what */
const who = ({ name, network }) => (network ? say`${name} und alle Gäste aus demselben Netz` : say`${name}`);

/** @param {string | null} room */
const place = (room) => (room === null ? "überall" : `in #${room}`);

/** @param {string | null} room */
const inside = (room) => (room === null ? "" : ` in #${room}`);

/** @param {string | null} room */
const outOf = (room) => (room === null ? "aus diesem Chat" : `aus #${room}`);

/** @param {string | null} room */
const entered = (room) => (room === null ? "diesen Chat" : `#${room}`);

/** @param {Sanction} what */
const lasting = ({ seconds }) => (seconds === null ? "bis auf Widerruf" : `Dauer: ${span(seconds)}`);

/** @type {LaterWords} */
export const words = {
  out: {
    title: "Abmelden?",
    what: "Was dieser Browser von dir behält, geht weg: deine Räume und was du zu schreiben begonnen hast.",
    guest: "Ein Gast kann nicht als dieselbe Person zurückkommen.",
    waiting: (messages) =>
      count(messages, { one: "# Nachricht von dir wird nicht gesendet.", other: "# Nachrichten von dir werden nicht gesendet." }),
    instead: "Stattdessen anmelden",
    stay: "Bleiben",
    go: "Abmelden",
  },

  picker: {
    emoji: "Emoji",
    search: "Emoji suchen (englisch)",
    groups: "Gruppen",
    group: {
      "smileys-emotion": "Smileys und Gefühle",
      "people-body": "Leute und Körper",
      "animals-nature": "Tiere und Natur",
      "food-drink": "Essen und Trinken",
      "travel-places": "Reisen und Orte",
      activities: "Aktivitäten",
      objects: "Gegenstände",
      symbols: "Symbole",
      flags: "Flaggen",
    },
    recent: "Kürzlich benutzt",
    found: "Gefunden",
    none: "Kein Emoji heißt so",
    results: (emoji) => count(emoji, { one: "# Emoji gefunden", other: "# Emoji gefunden" }),
    tone: "Hautton",
    tones: ["keiner", "hell", "mittelhell", "mittel", "mitteldunkel", "dunkel"],
    toneIs: (tone) => `Hautton: ${tone}`,
  },

  tools: {
    bar: "Nachricht",
    pick: "Eine Reaktion wählen",
    link: "Link zu dieser Nachricht kopieren",
    linkCopied: "Der Link zu dieser Nachricht ist kopiert.",
    edit: "Bearbeiten",
    remove: "Entfernen",
    react: (emoji) => `Mit ${emoji} reagieren`,
  },

  moderation: {
    what: "Aktion",
    restrict: "Einschränken",
    lift: "Zurücknehmen",
    actions: {
      mute: "Stummschalten",
      slow: "Bremsen",
      kick: "Entfernen",
      ban: "Aussperren",
      unmute: "Nicht mehr stummschalten",
      unslow: "Nicht mehr bremsen",
      unban: "Wieder zulassen",
    },
    where: "Wo",
    here: (room) => `In #${room}`,
    everywhere: "Überall",
    forHowLong: "Wie lange",
    forGood: "Bis auf Widerruf",
    reason: "Grund, der mitgeteilt wird",
    network: "Auch alle Gäste aus demselben Netz",
    undo: "Rückgängig",
    will: {
      mute: (what) => `Nichts wird mehr angenommen${inside(what.room)} von: ${who(what)} (${lasting(what)}).`,
      slow: (what) => `Alle 10 Sekunden wird eine Nachricht angenommen${inside(what.room)} von: ${who(what)} (${lasting(what)}).`,
      kick: ({ name, room }) => `${say`${name}`} wird ${outOf(room)} entfernt und darf zurückkommen.`,
      ban: (what) => `Kein Zutritt mehr in ${entered(what.room)} für: ${who(what)} (${lasting(what)}).`,
      unmute: (what) => `Wieder schreiben${inside(what.room)} darf: ${who(what)}.`,
      unslow: (what) => `Wieder so schnell wie andere schreiben${inside(what.room)} darf: ${who(what)}.`,
      unban: (what) => `Wieder Zutritt in ${entered(what.room)} hat: ${who(what)}.`,
    },
    done: {
      mute: (what) => `Stummgeschaltet ${place(what.room)}: ${who(what)} (${lasting(what)}).`,
      slow: (what) => `Gebremst ${place(what.room)}: ${who(what)} (${lasting(what)}).`,
      kick: ({ name, room }) => `${say`${name}`} wurde ${outOf(room)} entfernt.`,
      ban: (what) => `Ausgesperrt ${place(what.room)}: ${who(what)} (${lasting(what)}).`,
      unmute: (what) => `Nicht mehr stummgeschaltet ${place(what.room)}: ${who(what)}.`,
      unslow: (what) => `Nicht mehr gebremst ${place(what.room)}: ${who(what)}.`,
      unban: (what) => `Nicht mehr ausgesperrt ${place(what.room)}: ${who(what)}.`,
    },
    notTakenBack: (why) => `Das wurde nicht zurückgenommen. ${why}`,
    failed: {
      offline: "Es gibt keine Verbindung.",
      timeout: "Es kam keine Antwort: Vielleicht ist es geschehen, vielleicht nicht.",
      busy: "Zu viel wartet auf Antwort.",
    },
  },

  completion: {
    offered: (offers) => count(offers, { one: "# Vorschlag", other: "# Vorschläge" }),
    commands: {
      me: "sagen, was du tust",
      nick: "deinen Namen ändern",
      join: "einen Raum öffnen",
      leave: "einen Raum verlassen",
      help: "was man schreiben kann",
    },
  },

  help: {
    title: "Hier schreiben",
    close: "Schließen",
    parts: [
      {
        name: "Befehle",
        rows: [
          ["/me winkt", "sagt, was du tust"],
          ["/nick Ada", "ändert deinen Namen"],
          ["/join garden", "öffnet einen Raum"],
          ["/leave", "verlässt diesen Raum; /leave garden einen anderen"],
          ["/help", "zeigt dies"],
          ["//help", "sendet „/help“ als Text"],
        ],
      },
      {
        name: "Formatierung",
        rows: [
          ["**fett**", "fett"],
          ["*kursiv* oder _kursiv_", "kursiv"],
          ["~~weg~~", "durchgestrichen"],
          ["`code`", "Code in der Zeile"],
          ["```py\n…\n```", "ein Block Code mit seiner Sprache"],
          ["> Worte", "ein Zitat"],
          ["- eins oder 1. eins", "eine Liste"],
          ["[Worte](https://…)", "ein Link mit eigenen Worten"],
        ],
      },
      {
        name: "Tasten",
        rows: [
          ["Enter", "sendet; auf Touchscreens eine neue Zeile"],
          ["Shift+Enter", "beginnt eine neue Zeile"],
          ["Ctrl+B, Ctrl+I", "macht das Markierte fett, kursiv; auf einem Mac mit ⌘"],
          ["↑", "im leeren Feld: bearbeitet deine letzte Nachricht"],
          ["Esc", "bricht eine Bearbeitung ab"],
          ["Ctrl+K", "geht in einen anderen Raum; auf einem Mac ⌘K"],
        ],
      },
    ],
  },

  settings: {
    title: "Darstellung und Sprache",
    theme: "Farben",
    themes: { system: "System", light: "Hell", dark: "Dunkel" },
    density: "Nachrichten",
    densities: { cosy: "Luftig", compact: "Kompakt" },
    language: "Sprache",
    browser: "Wie im Browser",
    close: "Schließen",
  },

  switcher: {
    hint: "Ein Teil seines Namens",
    current: "Hier bist du",
    begin: "Ein neuer Raum",
    unread: (messages) => `${number(messages)} ungelesen`,
    mentions: (messages) => count(messages, { one: "# Erwähnung", other: "# Erwähnungen" }),
    found: (rooms) => count(rooms, { one: "# Raum", other: "# Räume" }),
  },

  removal: {
    title: "Diese Nachricht entfernen?",
    what: "Ihr Text wird für alle gelöscht. An ihrer Stelle bleibt ein Hinweis.",
    keep: "Behalten",
    remove: "Entfernen",
  },

  renaming: {
    title: "Namen ändern",
    name: "Neuer Name",
    save: "Speichern",
  },

  topic: {
    label: "Thema",
    hint: "Worum geht es in diesem Raum?",
    set: "Thema setzen",
  },

  queue: {
    summary: (waiting, failed, why) => {
      const waits = { one: "# Nachricht wartet", other: "# Nachrichten warten" };
      const fates = {
        unconnected: { one: "auf eine Verbindung", other: "auf eine Verbindung" },
        unstored: { one: "darauf, gespeichert zu werden", other: "darauf, gespeichert zu werden" },
        slowed: { one: "und geht gleich hinaus", other: "und gehen eine nach der anderen hinaus" },
      };
      const first = waiting > 0 ? `${count(waiting, waits)}${why ? ` ${formOf(waiting, fates[why])}` : ""}.` : "";
      const second =
        failed > 0
          ? count(failed, { one: "# Nachricht wurde nicht gesendet.", other: "# Nachrichten wurden nicht gesendet." })
          : "";
      return `${first} ${second}`.trim();
    },
    states: { queued: "Wartet", sending: "Unterwegs …", paused: "Zurückgehalten", failed: "Nicht gesendet" },
    what: (frame) => {
      if (frame.type === "send") return frame.text;
      if (frame.type === "edit") return say`Änderung einer Nachricht: ${frame.text}`;
      if (frame.type === "remove") return "Entfernen einer Nachricht";
      if (frame.type === "topic") return say`Thema: ${frame.text}`;
      return frame.on === false ? `Reaktion zurückgenommen: ${frame.emoji}` : `Reaktion: ${frame.emoji}`;
    },
    inRoom: (room, fate) => `#${room} · ${fate}`,
    text: "Neuer Text",
    edit: "Bearbeiten",
    sendNow: "Jetzt senden",
  },
};
