/**
 * Deutsch. Wer hier schreibt, wird geduzt.
 * @module
 */

import { count, formOf, list, number, say } from "../words.js";

/** @import { FirstWords } from "../words.js" */

/** @param {string | null} room */
const outOf = (room) => (room === null ? "aus diesem Chat" : `aus #${room}`);

/** @type {FirstWords} */
export const words = {
  shell: {
    app: "Parley",
    name: "Dein Name",
    room: "Raum",
    enter: "Raum betreten",
    or: "oder",
    signIn: "Anmelden",
    signOut: "Abmelden",
    refuse: "Das bin ich nicht",
    cancel: "Abbrechen",
    rooms: "Räume",
    closeRooms: "Raumliste schließen",
    joinAnother: "Weiterer Raum",
    joinThis: "Diesen Raum betreten",
    moreRooms: "Weitere Räume",
    rename: "Namen ändern",
    settings: "Darstellung und Sprache",
    openRooms: "Raumliste zeigen",
    switch: "Raum wechseln",
    messages: "Nachrichten",
    firstUnread: "Zur ersten neuen Nachricht",
    editing: "Du bearbeitest deine Nachricht",
    message: "Nachricht",
    send: "Senden",
    emoji: "Emoji",
    suggestions: "Vorschläge",
    people: "Leute",
    peopleHere: "Leute in diesem Raum",
    closePeople: "Liste der Leute schließen",
    lately: "Kürzlich aktiv, nicht hier",
    notices: "Hinweise",
    about: "Über diesen Raum:",
  },

  entrance: {
    guest: "Such dir einen Namen aus und komm herein.",
    stranger: "Dieser Chat ist für Leute mit einem Konto.",
    elsewhere: "Dieser Chat ist für Leute mit einem Konto. Öffne ihn von dort, wo du deines hast.",
    account: (name) => say`Du bist als ${name} angemeldet.`,
    asked: (name) => say`Ein Link hat dich hergeführt, um als ${name} hereinzukommen. Dieser Browser kennt jemand anderen.`,
    accept: (name) => say`Als ${name} hereinkommen`,
    expired: "Du wurdest abgemeldet: Deine Anmeldung gilt nicht mehr.",
    noName: "Gib einen Namen ein.",
    nameTaken: "Jemand, der gerade hier ist, hat diesen Namen.",
    unreachable: "Der Dienst ist nicht erreichbar. Versuch es noch einmal.",
    noRoom: "Gib einen Raum an.",
    roomRule: "Der Name eines Raums hat nur a–z, 0–9, - und _ und beginnt mit einem Buchstaben oder einer Ziffer.",
  },

  states: {
    connecting: "Verbinde …",
    open: "Online",
    restarting: "Neustart …",
    unreachable: "Keine Verbindung",
    buffered: "Keine Verbindung",
    offline: "Offline",
    full: "Warte …",
    crowded: "Warte …",
    unavailable: "Warte …",
    rateLimited: "Warte …",
    nameTaken: "Warte …",
    removed: "Entfernt",
    banned: "Ausgesperrt",
    signedOut: "Abgemeldet",
    expired: "Abgemeldet",
    forbidden: "Getrennt",
    ended: "Getrennt",
  },

  standing: {
    connected: "Verbunden.",
    connecting: "Verbinde …",
    restarting: "Der Dienst startet neu.",
    unreachable: "Der Dienst ist nicht erreichbar.",
    buffered: "Unterwegs hält etwas die Antworten des Dienstes zurück.",
    offline: "Du bist offline: Dieses Gerät hat kein Netz.",
    full: "Der Dienst ist voll.",
    crowded: "Du hast zu viele Verbindungen offen.",
    unavailable: "Der Dienst kann gerade niemanden aufnehmen.",
    rateLimited: "Von hier kamen zu viele Versuche.",
    nameTaken: "Jemand, der gerade hier ist, hat deinen Namen.",
    removed: (room, why) => `Du wurdest ${outOf(room)} entfernt. ${why}`.trim(),
    banned: (room, why) => `Du bist ${outOf(room)} ausgesperrt. ${why}`.trim(),
    signedOut: "Du bist abgemeldet: Diesen Chat kann man ohne Konto nicht betreten.",
    expired: "Du bist abgemeldet: Deine Anmeldung gilt nicht mehr. Melde dich wieder an, um weiterzumachen.",
    forbidden: (why) => `Du darfst hier nicht herein. ${why}`.trim(),
    tooManyErrors: (why) => `Die Verbindung wurde wegen zu vieler Fehler oder Nachrichten getrennt. ${why}`.trim(),
    tooBig: "Eine Nachricht war zu groß, deshalb wurde die Verbindung geschlossen.",
    ended: (why) => `Die Verbindung wurde geschlossen. ${why}`.trim(),
    readOnly: "Gerade kann nichts gespeichert werden: Du kannst lesen, und was du schreibst, wartet.",
    slowed: "Du schreibst schneller, als dieser Raum annimmt. Was du schreibst, wartet.",
    roomForbidden: (room) => `Du darfst #${room} nicht betreten.`,
    roomRefused: (room, why) => `#${room} kann nicht betreten werden. ${why}`.trim(),
    again: (seconds) => (seconds === null ? "Neuer Versuch …" : `Neuer Versuch in ${number(seconds)} s.`),
    back: (seconds) => (seconds === null ? "Verbinde neu …" : `Neue Verbindung in ${number(seconds)} s.`),
  },

  ways: {
    signIn: "Anmelden",
    tryNow: "Jetzt versuchen",
    tryAgain: "Noch einmal versuchen",
    joinAgain: "Wieder betreten",
    otherName: "Anderen Namen nehmen",
    leave: (room) => `#${room} verlassen`,
  },

  about: {
    copyLink: "Link kopieren",
    add: "Thema setzen",
    none: "Noch kein Thema.",
    set: (who, day, time) => say`Thema von ${who} · ${day}, ${time}`,
    begun: (who, day, time) => say`Begonnen von ${who} · ${day}, ${time}`,
    copied: "Der Link zu diesem Raum ist kopiert.",
    notCopied: "Der Link konnte nicht kopiert werden.",
  },

  completeness: {
    when: (day, time) => `${day}, ${time}`,
    unknown: "Von diesem Raum ist noch nichts bekannt.",
    behind: (when) => `Was danach kam, ist noch nicht bekannt: ${when}.`,
    missing: (when) => (when === null ? "Einige Nachrichten fehlen." : `Einige Nachrichten von davor fehlen: ${when}.`),
    begun: "Seit dieser Raum begann, fehlt keine Nachricht.",
    since: (when) => (when === null ? "Es fehlt keine Nachricht." : `Seitdem fehlt keine Nachricht: ${when}.`),
  },

  typing: {
    some: (people) => `${list(people)} ${formOf(people.length, { one: "schreibt", other: "schreiben" })} …`,
    many: "Mehrere Leute schreiben …",
  },

  log: {
    loading: "Frühere Nachrichten werden geladen …",
    trimmed: "Hier fehlen einige Nachrichten: Du warst länger weg, als dieser Raum zurückreicht.",
    epoch: "Frühere Nachrichten sind weg: Die Geschichte dieses Raums hat neu begonnen.",
    empty: (room) => `In #${room} hat noch niemand etwas gesagt`,
    sayHello: "Sag hallo: Wer später kommt, sieht es.",
    begins: (room) => `Hier beginnt #${room}`,
    forgotten: "Ältere Nachrichten werden hier nicht aufbewahrt.",
    seen: (day, time) => `Stand, als du zuletzt hier warst: ${day}, ${time}`,
    new: "Neu",
    latest: "Neueste",
    noSuch: "Die Nachricht, zu der dieser Link führt, wird hier nicht mehr aufbewahrt.",
    unread: (messages) => count(messages, { one: "# neue Nachricht", other: "# neue Nachrichten" }),
  },

  message: {
    you: "Du",
    says: (name) => say`${name ?? "Du"}:`,
    somebody: "Jemand",
    gone: "Nachricht entfernt",
    edited: "bearbeitet",
    more: "Mehr zeigen",
    less: "Weniger zeigen",
    saving: "Wird gespeichert …",
    removing: "Wird entfernt …",
    reaction: (emoji, given, people) => `${emoji} ${number(given)}, von ${people}`,
    readBy: (people) => `Bis hierher gelesen von ${list(people)}`,
    waiting: "Wartet darauf, gesendet zu werden",
    sending: "Wird gesendet …",
    failed: (why) => `Nicht gesendet. ${why}`,
    retry: "Noch einmal senden",
    discard: "Verwerfen",
  },

  code: {
    copy: "Kopieren",
    copied: "Kopiert",
    notCopied: "Der Browser lässt diese Seite nicht kopieren.",
  },

  composer: {
    emoji: "Ein Emoji wählen",
    placeholder: (room) => `Nachricht an #${room}`,
    left: (characters) => count(characters, { one: "Noch # Zeichen", other: "Noch # Zeichen" }),
    over: (characters) => count(characters, { one: "# Zeichen zu viel", other: "# Zeichen zu viel" }),
    full: "Zu viele Nachrichten warten darauf, gesendet zu werden.",
  },

  commands: {
    unknown: (command) => say`Es gibt keinen Befehl ${`/${command}`}. Um es als Text zu senden, beginne mit zwei Schrägstrichen.`,
    notInEdit: (command) =>
      say`${`/${command}`} ist nicht für Nachrichten. Damit es als Text bleibt, beginne mit zwei Schrägstrichen.`,
    noAction: "Sag, was du tust: /me winkt",
    noName: "Sag, wie du heißen möchtest: /nick Ada",
    accountName: "Dein Name kommt mit deinem Konto.",
    nameRule: "Ein Name hat 1 bis 32 Zeichen.",
    notIn: (room) => `Du bist nicht in #${room}.`,
    lastRoom: "Du bist in keinem anderen Raum.",
  },

  sidebar: {
    moderate: (name) => say`${name} moderieren`,
    menu: (room) => `Menü von #${room}`,
    favourite: "Favorit",
    muted: "Stummgeschaltet",
    leave: (room) => `#${room} verlassen`,
    unread: "ungelesen",
    mentionYou: (messages) => formOf(messages, { one: "erwähnt dich", other: "erwähnen dich" }),
    inside: (people) => count(people, { one: "# Person", other: "# Leute" }),
    here: (people) => count(people, { one: "# Person hier", other: "# Leute hier" }),
    peopleHere: (people) => formOf(people, { one: "Person hier", other: "Leute hier" }),
    large: "In einem so großen Raum wird nur die Zahl gezeigt.",
    asOf: (when) => `Stand: ${when}. Wer seitdem kam oder ging, ist nicht bekannt.`,
    you: "du",
    out: "kann nicht betreten werden",
  },

  alerts: {
    group: "Benachrichtigungen",
    all: "Alle Nachrichten",
    mentions: "Wenn du erwähnt wirst",
    none: "Keine",
    sound: "Mit Ton, in allen Räumen",
    denied: "Dein Browser lässt diese Seite nichts mitteilen. Seine Einstellungen für diese Seite können das ändern.",
    title: (name, room) => (name === null ? `#${room}` : say`${name} in #${room}`),
  },

  announcer: {
    message: (name, text) => say`${name}: ${text}`,
    many: (messages, people) => {
      const shown = people.length > 3 ? [...people.slice(0, 3), "anderen"] : people;
      return `${count(messages, { one: "# neue Nachricht", other: "# neue Nachrichten" })} von ${list(shown)}`;
    },
  },

  errors: {
    bad_request: "Der Dienst hat das nicht verstanden.",
    unknown_type: "Der Dienst kennt das nicht.",
    bad_room: "So kann ein Raum nicht heißen.",
    not_joined: "Du bist nicht in diesem Raum.",
    forbidden: "Das darfst du nicht.",
    too_large: "Das ist zu lang.",
    too_many_rooms: "Das sind zu viele Räume.",
    rate_limited: "Das war zu viel auf einmal.",
    unavailable: "Das geht gerade nicht.",
    "no such message": "Diese Nachricht gibt es nicht.",
    "the message is removed": "Die Nachricht ist entfernt.",
    "only its author may do that": "Das darf nur, wer sie geschrieben hat.",
    "the message has too many reactions": "Die Nachricht hat zu viele Reaktionen.",
    "the message has been changed too often": "Die Nachricht wurde zu oft geändert.",
    "you are muted": "Du bist stummgeschaltet.",
    "you may not enter this room": "Du darfst diesen Raum nicht betreten.",
    "only moderators and who began the room may set its topic":
      "Das Thema darf nur setzen, wer moderiert oder den Raum begonnen hat.",
    "only moderators may do that": "Das darf nur, wer moderiert.",
    "nothing is known of where this guest comes from": "Woher dieser Gast kommt, ist nicht bekannt.",
    "too many frames": "Es waren zu viele auf einmal.",
    "It was being changed when its page went.": "Sie wurde gerade geändert, als ihre Seite geschlossen wurde.",
  },

  notices: {
    close: "Schließen",
    notSent: (room) => `Eine Nachricht an #${room} wurde nicht gesendet.`,
    messageGone: "Die Nachricht wurde entfernt. Deine Worte bleiben hier.",
    messageRemoved: (name) => say`Die Nachricht von ${name} wurde entfernt.`,
    noEmoji:
      "Die Emoji können gerade nicht geladen werden. Versuche es wieder, sobald eine Verbindung besteht; bis dahin gehen die der Tastatur.",
    notLoaded: "Dieser Teil der Seite kann gerade nicht geladen werden.",
    edit: "Deine Änderung wurde nicht angenommen.",
    remove: "Die Nachricht wurde nicht entfernt.",
    react: "Deine Reaktion wurde nicht angenommen.",
    topic: "Das Thema wurde nicht gesetzt.",
    refused: (what, why) => `${what} ${why}`,
  },
};
