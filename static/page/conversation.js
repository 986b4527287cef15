/**
 * What somebody does who has entered: joins the client, what is known of each room, and the views.
 * @module
 */

import { ChatCore, HttpError } from "../client/core.js";
import { PASSING_ERRORS } from "../client/codes.js";
import { About, copyLink } from "./about.js";
import { pathOf, placeOf } from "./address.js";
import { announceMessage, forgetMessages } from "./announcer.js";
import { showBadge } from "./badge.js";
import { Commands } from "./commands.js";
import { Composer } from "./composer.js";
import { withHands } from "./demand.js";
import { byId, closest } from "./dom.js";
import { Drafts } from "./drafts.js";
import { identity, ways } from "./identity.js";
import { loadAlerts, loadArchive, loadDetour, loadHands } from "./later.js";
import { closeLayers, visit } from "./layers.js";
import { RoomList } from "./list.js";
import { Log } from "./log.js";
import { Outgoing } from "./outgoing.js";
import { Drawing, paced } from "./pace.js";
import { Room } from "./room.js";
import { Timeline } from "./rows.js";
import { Seek } from "./seek.js";
import { Sidebar } from "./sidebar.js";
import { afterInRoom, isOut } from "./standing.js";
import { Status, showTyping, toast } from "./status.js";
import { storage, store } from "./store.js";
import { formattable, spoken } from "./text.js";
import { refusal, title, words } from "./words.js";

/**
 * @import { ChatEvents } from "../client/core.js"
 * @import { Archive } from "./archive.js"
 * @import { Place } from "./address.js"
 * @import { Alerts } from "./alerts.js"
 * @import { Complaint } from "./entrance.js"
 * @import { LinkState } from "../client/link.js"
 * @import { OutboxEntry } from "../client/outbox.js"
 * @import { ListedRoom, Message, Moderated, Person, Removed } from "../client/protocol.js"
 * @import { Hold, Refusal } from "../client/rooms.js"
 * @import { Queue } from "./queue.js"
 * @import { Rename } from "./rename.js"
 * @import { RoomHappening, WayOut } from "./standing.js"
 */

/** @typedef {"joined" | "message" | "edited" | "removed" | "reacted" | "topic" | "gap" | "presence" | "read" | "typing"} OfRoom */

export const FIRST_ROOM = "lobby";
/** @type {Set<OfRoom>} what changes a room as it is kept */
const LASTING = new Set(["joined", "message", "edited", "removed", "reacted", "topic"]);
const ROOMS_PACE_MS = 200; // between two drawings of the numbers beside the rooms
const LARGE_PAGE = 200; // messages: as many as the service gives at once
const ALERTS_MS = 500; // until what tells of messages is loaded: the room comes first
const READ_MS = 1000; // between two read positions told
const ARCHIVE_MS = 2000; // until what is seen is kept, on a first visit
const ROOMS_MS = 60_000; // between two looks at the list of rooms
const ROOMS_AGE_MS = 1500; // until the service has a fresh list: its own may be a second old

export class Conversation {
  #chat;
  #outgoing;
  /** @type {Map<string, Room>} those we are in */
  #rooms = new Map();
  #list = new RoomList(() => this.#onList());
  /** @type {Alerts | null} loaded behind the page */
  #alerts = null;
  #current;
  /** @type {Archive | null} what was seen last, and is shown until the service answers */
  #archive = null;
  #hasDetour = false; // whether somebody looks for a way round
  /** @type {ListedRoom[]} what the service lists */
  #listed = [];
  #drawing = new Drawing(() => this.#drawNow());
  #waits = false; // to draw, until texts can be shown as they are meant
  #fresh = true; // whether the next drawing begins anew
  /** @type {Set<Room>} whose read position is to be told */
  #read = new Set();
  #name;
  #toEntrance;
  #account = identity.token; // that we are in with
  #gone = false; // signed out: nothing more is to be kept

  #status = new Status((way) => this.#takeWay(way), ways.signIn !== null);
  #log = new Log({
    older: () => void this.#older(this.#current, this.#log.atEnd ? undefined : LARGE_PAGE),
    seen: () => this.#seen(),
    react: (seq, emoji) => this.#outgoing.react(this.#current, seq, emoji),
    edit: (seq) => this.#edit(seq),
    remove: (seq) => this.#outgoing.remove(this.#current, seq),
    moderate: (seq) => this.#moderate(this.#current.get(seq)?.user),
    isModerator: () => this.#chat.moderator,
    retry: (id) => this.#chat.retry(id),
    discard: (id) => this.#chat.discard(id),
    copyLink: () => void copyLink(this.#current.name),
    link: (seq) => void copyLink(this.#current.name, seq),
    latest: () => this.#stopSeeking(),
    firstNew: () => this.#seek.begin(this.#current, "new"),
  });
  #seek = new Seek({ older: (room) => this.#older(room, LARGE_PAGE), changed: () => this.#draw() });
  #commands = new Commands({
    rename: async (name) => {
      const error = await this.#takeName(name);
      if (error !== null) toast(error);
    },
    open: (room) => this.#open(room),
    leave: (room) => this.#leave(room),
    rooms: () => ({ current: this.#current.name, all: [...this.#rooms.keys()] }),
    help: () => void withHands(({ showHelp }) => showHelp()),
  });
  #drafts = new Drafts((room, text) => {
    if (room === this.#current.name) this.#composer.adopt(text);
  });
  #composer = new Composer({
    send: (text) => this.#send(text),
    command: (command, rest) => this.#commands.run(command, rest),
    edit: (seq, text) => this.#outgoing.edit(this.#current, seq, text),
    last: () => this.#current.lastOwn(this.#me),
    typing: () => this.#chat.typing(this.#current.name),
    people: () => this.#current.people().filter(({ id }) => id !== this.#me),
    draft: (text) => this.#drafts.keep(this.#current.name, text),
  });
  #sidebar = new Sidebar({
    open: (room) => this.#open(room),
    leave: (room) => this.#leave(room),
    choose: (room, fact, on) => {
      this.#list.set(room, fact, on);
      this.#draw();
    },
    list: () => this.#listRooms(),
    rename: () => this.#askName(),
    signOut: () => this.askToSignOut(),
    moderate: (person) => this.#moderate(person),
    alerts: () => this.#loadAlerts(),
  });
  /** @type {Queue | null} */
  #queue = null;
  /** @type {Rename | null} */
  #rename = null;
  #about = new About((text) => this.#outgoing.setTopic(this.#current.name, text));

  /**
   * @param {object} options
   * @param {string} options.name
   * @param {string} options.room
   * @param {(why: {name: string, room: string, complaint?: Complaint}) => void} options.toEntrance ask for a name or a
   *     room again
   */
  constructor({ name, room, toEntrance }) {
    this.#name = name;
    this.#toEntrance = toEntrance;
    this.#chat = new ChatCore({ url: location.origin, name, token: this.#account ?? undefined, storage });
    if (this.#account !== null) this.#status.on({ type: "account" });
    byId("me-rename").hidden = this.#account !== null;
    store.onOut((id) => id === this.#me && this.#signOut(false));
    this.#outgoing = new Outgoing(this.#chat, () => this.#draw());
    this.#listen();
    setTimeout(() => void this.#openArchive(), this.#list.names.length > 0 ? 0 : ARCHIVE_MS);
    for (const known of this.#list.names) this.#join(known);
    this.#current = this.#join(room);
    this.#turnTo(room);
    const place = placeOf();
    this.#open(room, place?.room === room ? place.seq : null);
    this.#chat.open();
    this.#chat.on("state", ({ state }) => {
      if (state === "waiting") void this.#loadDetour();
    });
    setTimeout(() => void this.#loadAlerts(), ALERTS_MS);
    addEventListener("popstate", () => this.#show(placeOf() ?? { room: FIRST_ROOM, seq: null }));
    document.addEventListener("click", (event) => this.#onClick(event));
    addEventListener("online", () => this.#onNetwork(true));
    addEventListener("offline", () => this.#onNetwork(false));
    addEventListener("focus", () => {
      this.#seen();
      this.#draw();
    });
    addEventListener("blur", () => this.#draw());
    addEventListener("pagehide", () => this.#onHide());
    document.addEventListener("visibilitychange", () => this.#onVisibility());
    setInterval(() => this.#showTyping(), 1000);
    setInterval(() => this.#listRooms(), ROOMS_MS);
  }

  /**
   * Somebody comes in once more.
   * @param {string} name
   * @param {string} room
   * @returns {Promise<Complaint | null>} why not
   */
  async enter(name, room) {
    const isOpen = this.#chat.state.state === "open";
    if (this.#account !== null) {
      if (!isOpen) this.#comeBack();
    } else if (!isOpen || name !== this.#name) {
      const error = await this.#takeName(name);
      if (error !== null) return { name: error };
    }
    this.#open(room);
    return null;
  }

  /** Whether it is that of an account which we are no longer in with. */
  get isStale() {
    return this.#account !== identity.token;
  }

  get #me() {
    return this.#chat.user?.id ?? identity.person?.id ?? this.#archive?.seenBy ?? null;
  }

  // -- coming and going

  #listen() {
    const chat = this.#chat;
    chat.on("state", (state) => this.#onState(state));
    chat.on("welcome", ({ limits, user }) => {
      for (const room of this.#rooms.values()) room.self = user;
      this.#archive?.own(user);
      if (chat.moderator) void loadHands(); // their tools stand beside each name
      this.#name = user.name;
      if (this.#account === null) store.name = user.name;
      else store.nameTab(user.name);
      this.#composer.limit = limits.text;
      setTimeout(() => this.#listRooms(), this.#listed.length === 0 ? ROOMS_AGE_MS : 0);
    });
    chat.on("outbox", (entry) => this.#onOutbox(entry));
    chat.on("refused", (refusal) => this.#onRefused(refusal));
    chat.on("held", (hold) => this.#onHeld(hold));
    chat.on("moderated", (frame) => this.#onModerated(frame));
    chat.on("reconnect", ({ in_ms }) => this.#status.on({ type: "reconnect", in_ms }));
    chat.on("problem", ({ code, message }) => {
      if (!PASSING_ERRORS.includes(code)) toast(refusal(message, code)); // nobody waits for what they read and type to be told
    });
    this.#onRoom("joined", (room, frame) => {
      const stood = room.seenAt !== null && room.epoch === frame.epoch && !this.#log.atEnd; // in what was seen last
      const anew = room.epoch !== null && room.epoch !== frame.epoch;
      if (anew && room === this.#current && this.#composer.onGone()) toast(words.notices.messageGone);
      room.onJoined(frame, this.#me);
      this.#stand(room, { type: "joined" });
      if (room === this.#current && frame.fresh) this.#onFresh(room, !stood);
      void this.#seek.resume(room);
    });
    this.#onRoom("message", (room, frame) => this.#onMessage(room, frame));
    this.#onRoom("gap", (room, gap) => room.onGap(gap));
    this.#onRoom("edited", (room, frame) => room.onEdited(frame));
    this.#onRoom("removed", (room, frame) => this.#onRemoved(room, frame));
    this.#onRoom("reacted", (room, frame) => room.onReacted(frame));
    this.#onRoom("topic", (room, frame) => room.onTopic(frame));
    this.#onRoom("presence", (room, frame) => room.onPresence(frame));
    this.#onRoom("read", (room, frame) => room.onRead(frame, this.#me));
    this.#onRoom("typing", (room, frame) => {
      if (frame.user.id !== this.#me) room.onTyping(frame, performance.now());
    });
  }

  /**
   * Listen to what happens in the rooms we are in.
   * @template {OfRoom} E
   * @param {E} event
   * @param {(room: Room, value: ChatEvents[E]) => void} apply
   */
  #onRoom(event, apply) {
    this.#chat.on(event, (value) => {
      const room = this.#rooms.get(value.room);
      if (!room) return;
      apply(room, value);
      room.topic = this.#chat.topic(room.name);
      room.begun = this.#chat.begun(room.name);
      if (LASTING.has(event)) this.#archive?.keep(room);
      if (event === "typing" || event === "message") this.#showTyping();
      this.#draw();
    });
  }

  /** @param {LinkState} link */
  #onState(link) {
    this.#status.on({ type: "link", link });
    if (this.#alerts) this.#alerts.connected = link.state === "open";
    const { name, room, reason, wasOpen } = this.#status.standing;
    if (link.state !== "open") {
      for (const one of this.#rooms.values()) {
        this.#stand(one, { type: "released" });
        this.#lose(one);
      }
    }
    const banned = name === "banned" && room !== null ? this.#rooms.get(room) : undefined;
    if (banned) this.#stand(banned, { type: "refused", code: "forbidden", message: `banned: ${reason}` });
    if (link.state === "stopped" && !wasOpen) this.#askAgain(link);
    if (this.#isShutOut) this.#archive?.clear();
    this.#draw();
  }

  /** Whether this is nobody's to read any more. */
  get #isShutOut() {
    const { name, room } = this.#status.standing;
    return name === "signedOut" || name === "forbidden" || (name === "banned" && room === null);
  }

  /**
   * Who has never been in is asked once more.
   * @param {LinkState} link
   */
  #askAgain({ code, reason = "" }) {
    const where = { name: this.#name, room: this.#current.name };
    if (code === "unauthenticated") {
      const sign = this.#account === null ? words.standing.signedOut : words.entrance.expired;
      identity.drop();
      this.#toEntrance({ ...where, complaint: { sign } });
      return;
    }
    const says = { name_taken: words.entrance.nameTaken, bad_request: refusal(reason, "bad_request") };
    const complaint = says[/** @type {keyof typeof says} */ (code)];
    if (complaint) this.#toEntrance({ ...where, complaint: { name: complaint } });
  }

  /** @param {boolean} online */
  #onNetwork(online) {
    this.#status.on({ type: "network", online });
    if (online) this.#chat.wake();
  }

  /**
   * How one stands in a room changes.
   * @param {Room} room
   * @param {RoomHappening} happening
   */
  #stand(room, happening) {
    room.standing = afterInRoom(room.standing, happening, performance.now());
    if (isOut(room.standing)) this.#archive?.forget(room.name);
    this.#draw();
  }

  /** @param {Hold} hold */
  #onHeld({ room: name, code, retryIn }) {
    const room = this.#rooms.get(name);
    if (!room) return;
    if (code === "unavailable") this.#lose(room);
    else if (code === null) room.knownUntil = null;
    this.#stand(room, code === null ? { type: "released" } : { type: "held", code, retryIn });
  }

  /** What comes in a room is not seen any more. @param {Room} room */
  #lose(room) {
    const wasSeen = room.joined && room.knownUntil === null;
    room.onLost(Date.now() - this.#chat.silence);
    if (wasSeen && !isOut(room.standing)) this.#archive?.keep(room);
  }

  /** @param {Moderated} frame */
  #onModerated({ user, action, room }) {
    if (user === this.#me) this.#status.on({ type: "removal", action, room: room ?? null });
  }

  /**
   * Something is to be done about how one stands.
   * @param {WayOut} way
   */
  #takeWay(way) {
    const room = this.#current;
    if (way === "leave") {
      this.#leave(room.name);
    } else if (way === "signIn") {
      identity.signIn(room.name);
    } else if (way === "otherName") {
      this.#askName();
    } else if (this.#chat.state.state !== "open") {
      this.#comeBack();
    } else if (isOut(room.standing)) {
      this.#stand(room, { type: "asked" });
      this.#chat.join(room.name);
    }
  }

  #askName() {
    void withHands(({ Rename }) => {
      this.#rename ??= new Rename((name) => this.#takeName(name));
      this.#rename.open(this.#name);
    });
  }

  /**
   * Be called otherwise. The old name stays until the service has agreed.
   * @param {string} name
   * @returns {Promise<string | null>} why not, a sentence
   */
  async #takeName(name) {
    if (this.#account !== null) return words.commands.accountName;
    try {
      await this.#chat.rename(name);
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      if (error.code === "name_taken") return words.entrance.nameTaken;
      return error.status === 0 ? words.entrance.unreachable : refusal(error.message, error.code);
    }
    return null;
  }

  /** Sign out, if that is really meant: what is kept here goes. */
  askToSignOut() {
    const waiting = this.#ownOutbox().length;
    const isGuest = this.#account === null;
    const onSignIn = isGuest && ways.signIn !== null ? () => identity.signIn(this.#current.name) : null;
    const about = { isGuest, waiting, onYes: () => this.#signOut(), onSignIn };
    void withHands(({ askToSignOut }) => askToSignOut(about));
  }

  /** What is kept for all tabs is let go of by the one in which it was asked for: who comes next may be in already. */
  #signOut(here = true) {
    if (this.#gone) return;
    this.#gone = true;
    this.#archive?.stop();
    for (const { id } of this.#ownOutbox()) this.#chat.discard(id);
    this.#chat.close();
    if (here) identity.signOut(this.#me);
    else identity.drop();
    location.replace("/");
  }

  #ownOutbox() {
    return this.#chat.outbox.list().filter(({ user }) => user === null || user === this.#me);
  }

  /** @type {(room: Room, anew: boolean) => void} */
  #onFresh(room, anew) {
    this.#fresh ||= anew;
    for (const { seq, removed } of room.messages) if (removed) this.#composer.onRemoved(seq);
  }

  /**
   * @param {Room} room
   * @param {Message} frame
   */
  #onMessage(room, frame) {
    const reading = room === this.#current && (!this.#log.atEnd || this.#seek.isOn);
    const { mentions } = room;
    room.onMessage(frame, this.#me, this.#looksAt(room), reading);
    const { user, text, removed } = frame;
    if (user.id !== this.#me && text && !removed) this.#alerts?.onMessage(room, frame, room.mentions > mentions);
    if (room !== this.#current || user.id === this.#me || !text || removed) return;
    announceMessage({ name: user.name, read: () => spoken(text, user.name) });
  }

  /**
   * What somebody is writing anew is not to be lost with the message.
   * @param {Room} room
   * @param {Removed} frame
   */
  #onRemoved(room, frame) {
    const { user, removed } = room.get(frame.target) ?? {};
    if (user && !removed && frame.user.id === this.#me && user.id !== this.#me) {
      toast(words.notices.messageRemoved(user.name));
    }
    room.onRemoved(frame, this.#me);
    if (room === this.#current && this.#composer.onRemoved(frame.target)) toast(words.notices.messageGone);
  }

  /** @param {Refusal} refusal */
  #onRefused({ room, type, code, message, text }) {
    if (type !== "join") {
      toast(words.notices.refused(words.notices[type], refusal(message, code)));
      if (text && type === "edit") this.#keepWords(room, text);
      return;
    }
    const refused = this.#rooms.get(room);
    if (!refused) return;
    this.#lose(refused);
    this.#stand(refused, { type: "refused", code, message });
  }

  /** @type {(room: string, words: string) => void} */
  #keepWords(room, words) {
    if (room === this.#current.name) this.#composer.keep(words);
    else this.#drafts.keep(room, [words, this.#drafts.get(room)].filter(Boolean).join("\n"));
  }

  /** A message that is being written anew is no draft before it is left. */
  #keepRewritten() {
    if (this.#composer.rewritten && !this.#gone) this.#drafts.keep(this.#current.name, this.#composer.draft);
  }

  #onHide() {
    this.#keepRewritten();
    this.#archive?.keepAll();
    this.#archive?.flush();
    this.#chat.outbox.close();
  }

  #onVisibility() {
    this.#drawing.restart();
    if (document.hidden) return;
    this.#chat.wake();
    this.#listRooms();
  }

  /** Where it can't be loaded, nothing is told. @returns {Promise<Alerts | null>} */
  async #loadAlerts() {
    const loaded = await loadAlerts();
    if (!loaded || this.#alerts) return this.#alerts;
    this.#alerts = new loaded.Alerts(this.#list, (room) => this.#open(room));
    this.#alerts.connected = this.#chat.state.state === "open";
    this.#draw();
    return this.#alerts;
  }

  /** Once a connection came to nothing. Where it can't be loaded, WebSockets are the only way. */
  async #loadDetour() {
    const loaded = await loadDetour();
    if (!loaded || this.#hasDetour) return;
    this.#hasDetour = true;
    new loaded.Detour(this.#chat, location.origin);
  }

  // -- rooms

  /** @type {(name: string, seq?: number | null) => void} `seq`: of a message to go to */
  #open(name, seq = null) {
    const here = placeOf();
    if (here?.room === name && here.seq === seq) closeLayers();
    else visit(pathOf(name, seq));
    if (this.#current.name === name) this.#current.linked = null; // whoever asks for it again, goes there again
    this.#show({ room: name, seq });
    if (seq === null && matchMedia("(hover: hover)").matches) this.#composer.focus();
  }

  /** @param {Place} place */
  #show({ room: name, seq }) {
    if (this.#current.name !== name || !this.#rooms.has(name)) {
      this.#keepRewritten();
      this.#turnTo(name);
    }
    const room = this.#current;
    if (room.linked === seq) return;
    room.linked = seq;
    if (seq === null) this.#seek.stop();
    else this.#seek.begin(room, seq);
    this.#draw();
  }

  /** Somebody wants to see what is said now. */
  #stopSeeking() {
    this.#seek.stop();
    if (this.#current.linked === null) return;
    this.#current.linked = null;
    history.replaceState(history.state, "", pathOf(this.#current.name));
    this.#draw();
  }

  /** Links to rooms and messages are followed in the page. @param {MouseEvent} event */
  #onClick(event) {
    const link = closest(event.target, "a[href]");
    if (!(link instanceof HTMLAnchorElement) || link.origin !== location.origin) return;
    const place = placeOf(link.pathname);
    if (!place || link.search || link.hash || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.#open(place.room, place.seq);
  }

  /** @param {string} name */
  #turnTo(name) {
    const room = this.#join(name);
    this.#current = room;
    room.divider = room.unread > 0 ? room.readSeq : null;
    this.#composer.turnTo(name, this.#drafts.get(name));
    byId("room-name").textContent = `#${name}`;
    this.#fresh = true;
    forgetMessages();
    this.#showTyping();
    this.#draw();
  }

  /** @param {string} name */
  #join(name) {
    const known = this.#rooms.get(name);
    if (known) return known;
    const room = new Room(name);
    room.self = this.#chat.user;
    this.#rooms.set(name, room);
    this.#chat.join(name);
    this.#list.add(name);
    return room;
  }

  /** @param {string} name */
  #leave(name) {
    this.#list.remove(name);
    this.#onList();
  }

  /** Be in the rooms of the list, whichever tab changed it. */
  #onList() {
    for (const name of this.#list.names) this.#join(name);
    const left = [...this.#rooms.keys()].filter((name) => !this.#list.get(name));
    for (const name of left) {
      this.#chat.leave(name);
      this.#archive?.forget(name);
      this.#rooms.delete(name);
    }
    if (!left.includes(this.#current.name)) {
      this.#draw();
      return;
    }
    const [other] = this.#list.names;
    if (other) this.#open(other);
    else this.#toEntrance({ name: this.#name, room: "" });
  }

  async #listRooms() {
    if (document.hidden || this.#chat.state.state !== "open") return;
    try {
      this.#listed = (await this.#chat.rooms()) ?? [];
    } catch {
      return; // the list stays as it was
    }
    this.#draw();
  }

  /**
   * A page of older messages.
   * @param {Room} room
   * @param {number} [limit] messages
   * @returns {Promise<boolean>} false: none can be had now
   */
  async #older(room, limit) {
    if (!room.more || !room.joined || this.#chat.state.state !== "open") return false;
    room.loading ??= this.#fetchOlder(room, limit).finally(() => {
      room.loading = null;
    });
    await room.loading;
    return true;
  }

  /** @type {(room: Room, limit?: number) => Promise<void>} */
  async #fetchOlder(room, limit) {
    const { epoch } = room;
    try {
      const page = await this.#chat.history(room.name, room.messages[0]?.seq, limit);
      if (room.epoch === epoch) room.onHistory(page);
    } catch {
      await new Promise((resolve) => {
        setTimeout(resolve, 1000);
      });
    }
    this.#draw();
  }

  // -- what was seen last

  async #openArchive() {
    const loaded = await loadArchive();
    if (!loaded || this.#gone) return;
    this.#archive = new loaded.Archive(this.#rooms);
    if (this.#chat.user) {
      this.#archive.own(this.#chat.user);
      this.#archive.keepAll();
    }
    await this.#archive.show({ id: identity.person?.id ?? null, name: this.#name });
    if (this.#isShutOut) this.#archive.clear();
    this.#draw();
  }

  /** When what is shown of the room was so, where that has to be said. */
  get #seenAt() {
    const { name } = this.#status.standing;
    const { seenAt, standing } = this.#current;
    const underWay = name === "connecting" || (name === "open" && standing.name === "joining");
    return underWay ? null : seenAt;
  }

  // -- writing

  /** @param {number} seq */
  #edit(seq) {
    const message = this.#current.get(seq);
    if (message) this.#composer.edit(message);
  }

  /** @param {string} text */
  #send(text) {
    const refusal = this.#outgoing.send(this.#current.name, text);
    if (refusal === null) this.#log.toEnd();
    return refusal;
  }

  /** @param {Person | undefined} person */
  #moderate(person) {
    if (!person) return;
    const room = this.#current.name;
    const about = { person, room, everywhere: !identity.isLimited };
    void withHands((hands) => hands.openModeration({ ...about, moderate: (order) => this.#chat.moderate(order) }));
  }

  /** @param {OutboxEntry | null} entry */
  #onOutbox(entry) {
    if (entry?.state === "failed" && entry.room !== this.#current.name) toast(words.notices.notSent(entry.room));
    this.#draw();
  }

  /** @param {string} id */
  #sendNow(id) {
    this.#chat.retry(id);
    if (this.#chat.state.state !== "open") this.#comeBack();
  }

  /** At once, or after being sent away. */
  #comeBack() {
    this.#chat.wake();
    this.#chat.open();
  }

  /** What is in the way of what waits. */
  get #obstacle() {
    if (this.#chat.state.state !== "open") return "unconnected";
    const names = new Set([...this.#rooms.values()].map(({ standing }) => standing.name));
    return names.has("readOnly") ? "unstored" : names.has("slowed") ? "slowed" : null;
  }

  // -- reading

  /** @param {Room} room */
  #looksAt(room) {
    return room === this.#current && !document.hidden && document.hasFocus() && this.#log.atEnd && !this.#seek.isOn;
  }

  #seen() {
    const room = this.#current;
    if (!room.joined || !this.#looksAt(room) || this.#fresh) return;
    if (room.markRead() === null) return;
    if (this.#read.size === 0) setTimeout(() => this.#tellRead(), READ_MS);
    this.#read.add(room);
    this.#draw();
  }

  #tellRead() {
    for (const { name, readSeq } of this.#read) this.#chat.read(name, readSeq ?? 0);
    this.#read.clear();
  }

  #showTyping() {
    showTyping(this.#current.typing(performance.now()));
  }

  // -- drawing

  #draw() {
    this.#drawing.soon();
  }

  #drawNow() {
    const room = this.#current;
    const fresh = this.#fresh && (room.joined || room.seenAt !== null);
    if (fresh) this.#awaitFormats(room);
    if (this.#waits) return;
    if (fresh) this.#fresh = false;
    const entries = this.#outgoing.entries(room.name);
    const timeline = new Timeline(room, entries, this.#me, this.#seenAt);
    this.#log.draw(timeline, { fresh, target: this.#targetIn(room), unread: room.unread });
    this.#about.draw(room, this.#chat.maySetTopic(room.name), entries);
    this.#sidebar.people(room, this.#me, this.#chat.moderator);
    this.#sidebar.me(this.#chat.user ?? { id: this.#me ?? "", name: this.#name }, this.#status.standing.name, this.#status.word);
    this.#status.inRoom(room.name, room.standing);
    this.#drawQueue();
    byId("composer").hidden = isOut(room.standing);
    byId("log").ariaBusy = String(!room.joined && room.seenAt === null && !isOut(room.standing));
    this.#drawRooms();
    if (this.#alerts) this.#alerts.sight = document.hasFocus() && !document.hidden ? room.name : null;
  }

  /** Where to go now, if anywhere. @param {Room} room */
  #targetIn(room) {
    const target = this.#seek.take(room);
    if (target === null || target === "new" || room.get(target)) return target;
    toast(words.log.noSuch);
    return null;
  }

  /** A room whose texts can't be shown as they are meant is drawn once they can. @param {Room} room */
  #awaitFormats({ messages }) {
    const ready = this.#waits ? null : formattable(messages.map(({ text = "" }) => text));
    if (!ready) return;
    this.#waits = true;
    void ready.then(() => {
      this.#waits = false;
      this.#draw();
    });
  }

  #drawQueue() {
    const entries = this.#chat.outbox.list();
    if (this.#queue) this.#queue.draw(entries, { room: this.#current.name, why: this.#obstacle });
    else if (entries.length > 0) void loadHands().then((loaded) => loaded && this.#makeQueue(loaded.Queue));
  }

  /** @param {typeof Queue} Made */
  #makeQueue(Made) {
    this.#queue ??= new Made({
      pause: (id) => this.#chat.pause(id),
      resume: (id) => this.#chat.resume(id),
      rewrite: (id, text) => this.#chat.rewrite(id, text),
      retry: (id) => this.#sendNow(id),
      discard: (id) => this.#chat.discard(id),
      later: () => this.#draw(),
    });
    this.#draw();
  }

  #drawRooms = paced(ROOMS_PACE_MS, () => {
    const current = this.#current.name;
    const rooms = this.#list.names.flatMap((name) => {
      const room = this.#rooms.get(name);
      const chosen = this.#list.get(name);
      if (!room || !chosen) return [];
      const { mentions, standing } = room;
      const { favourite, muted } = chosen;
      const unread = muted ? 0 : room.unread;
      return [{ name, unread, mentions, favourite, muted, current: name === current, out: isOut(standing) }];
    });
    this.#sidebar.rooms(rooms, this.#listed.filter(({ room }) => !this.#rooms.has(room)));
    const unread = rooms.reduce((sum, room) => sum + room.unread, 0);
    const mentions = rooms.reduce((sum, room) => sum + room.mentions, 0);
    document.title = title({ room: current, unread, mentions });
    showBadge({ unread, mentions });
    for (const room of rooms) if (!room.unread && !room.mentions) this.#alerts?.onRead(room.name);
  });
}

