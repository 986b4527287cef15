/**
 * The chat page: joins the client, what is known of each room, and the views.
 * @module
 */

import { Chat } from "./client.js";
import { roomOfPath } from "./page/address.js";
import { Composer } from "./page/composer.js";
import { byId } from "./page/dom.js";
import { Entrance } from "./page/entrance.js";
import { sentence } from "./page/format.js";
import { Log } from "./page/log.js";
import { Outgoing } from "./page/outgoing.js";
import { Room } from "./page/room.js";
import { rowsOf } from "./page/rows.js";
import { Sidebar } from "./page/sidebar.js";
import { Status, showTyping, toast } from "./page/status.js";
import { storage, store } from "./page/store.js";

const FIRST_ROOM = "lobby";
const READ_MS = 1000; // between two read positions told
const ROOMS_MS = 60_000; // between two looks at the list of rooms
const ROOMS_AGE_MS = 1500; // until the service has a fresh list: its own may be a second old
const BACK_TO_ENTRANCE = new Set(["bad_request", "name_taken", "unauthenticated"]);
const REFUSALS = {
  edit: "Your change was not taken",
  remove: "The message was not removed",
  react: "Your reaction was not taken",
};

class Page {
  #chat = null;
  #outgoing = null;
  /** @type {Map<string, Room>} those we are in */
  #rooms = new Map();
  #current = null;
  #listed = []; // what the service lists
  #drawing = null;
  #fresh = true; // whether the next drawing begins anew
  #read = { timer: undefined, room: null };

  #entrance = new Entrance({ enter: (name, room) => this.#enter(name, room), cancel: () => this.#entrance.close() });
  #status = new Status(() => this.#comeBack());
  #log = new Log({
    older: () => this.#older(),
    seen: () => this.#seen(),
    react: (seq, emoji) => this.#outgoing.react(this.#current, seq, emoji),
    edit: (seq) => this.#composer.edit(this.#current.get(seq)),
    remove: (seq) => this.#outgoing.remove(this.#current.name, seq),
    retry: (id) => this.#chat.retry(id),
    discard: (id) => this.#chat.discard(id),
  });
  #composer = new Composer({
    send: (text) => this.#send(text),
    edit: (seq, text) => this.#outgoing.edit(this.#current.name, seq, text),
    last: () => this.#current.lastOwn(this.#me),
    typing: () => this.#chat.typing(this.#current.name),
  });
  #sidebar = new Sidebar({
    open: (room) => this.#open(room),
    leave: (room) => this.#leave(room),
    rename: () => this.#entrance.open({ name: store.name, room: this.#current.name, cancel: true }),
  });

  start() {
    const room = roomOfPath() ?? FIRST_ROOM;
    if (store.name) this.#enter(store.name, room);
    else this.#entrance.open({ name: "", room });
    addEventListener("popstate", () => this.#chat && this.#show(roomOfPath() ?? FIRST_ROOM));
    addEventListener("online", () => this.#chat?.wake());
    addEventListener("focus", () => this.#draw());
    addEventListener("pagehide", () => this.#onHide());
    addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
    document.addEventListener("visibilitychange", () => this.#onVisibility());
    setInterval(() => this.#showTyping(), 1000);
    setInterval(() => this.#listRooms(), ROOMS_MS);
  }

  get #me() {
    return this.#chat.user?.id ?? null;
  }

  // -- coming and going

  #enter(name, room) {
    store.name = name;
    this.#entrance.close();
    if (this.#chat) {
      this.#chat.rename(name);
    } else {
      this.#chat = this.#connect(name);
      this.#outgoing = new Outgoing(this.#chat, () => this.#draw());
      for (const known of store.rooms) this.#join(known);
    }
    this.#open(room);
    this.#chat.open();
  }

  #connect(name) {
    const chat = new Chat({ url: location.origin, name, storage });
    chat.on("state", (state) => this.#onState(state));
    chat.on("welcome", ({ limits }) => {
      this.#composer.limit = limits?.text ?? 4000;
      this.#listRooms();
      if (this.#listed.length === 0) setTimeout(() => this.#listRooms(), ROOMS_AGE_MS);
    });
    chat.on("outbox", (entry) => this.#onOutbox(entry));
    chat.on("refused", (refusal) => this.#onRefused(refusal));
    chat.on("problem", ({ message }) => toast(sentence(message)));
    this.#onRoom("joined", (room, frame) => {
      room.onJoined(frame, this.#me);
      if (room === this.#current && frame.fresh) this.#onFresh(room);
    }, chat);
    this.#onRoom("message", (room, frame) => room.onMessage(frame, this.#me, this.#looksAt(room)), chat);
    this.#onRoom("gap", (room, gap) => room.onGap(gap), chat);
    this.#onRoom("edited", (room, frame) => room.onEdited(frame), chat);
    this.#onRoom("removed", (room, frame) => this.#onRemoved(room, frame), chat);
    this.#onRoom("reacted", (room, frame) => room.onReacted(frame), chat);
    this.#onRoom("presence", (room, frame) => room.onPresence(frame), chat);
    this.#onRoom("read", (room, frame) => room.onRead(frame, this.#me), chat);
    this.#onRoom("typing", (room, frame) => frame.user.id !== this.#me && room.onTyping(frame, performance.now()), chat);
    return chat;
  }

  #onRoom(event, apply, chat) {
    chat.on(event, (frame) => {
      const room = this.#rooms.get(frame.room);
      if (!room) return;
      apply(room, frame);
      if (event === "typing" || event === "message") this.#showTyping();
      this.#draw();
    });
  }

  #onState(state) {
    this.#status.show(state);
    if (state.state === "stopped" && BACK_TO_ENTRANCE.has(state.code)) {
      this.#entrance.open({ name: store.name, room: this.#current.name, error: state.reason });
    }
    this.#draw();
  }

  /** Somebody wants back at once, or after being sent away. */
  #comeBack() {
    this.#chat.wake();
    this.#chat.open();
  }

  #onFresh(room) {
    this.#fresh = true;
    for (const { seq, removed } of room.messages) if (removed) this.#composer.onRemoved(seq);
  }

  /** What somebody is writing anew is not to be lost with the message. */
  #onRemoved(room, frame) {
    room.onRemoved(frame, this.#me);
    if (room === this.#current && this.#composer.onRemoved(frame.target)) toast("The message was removed. Your words stay here.");
  }

  #onRefused({ room, type, message, text }) {
    if (type !== "join") {
      toast(`${REFUSALS[type]}. ${sentence(message)}`);
      if (text) this.#keepWords(room, text);
      return;
    }
    toast(`#${room}: ${sentence(message)}`);
    this.#forget(room);
  }

  #keepWords(room, words) {
    if (room === this.#current?.name) this.#composer.keep(words);
    else store.keepDraft(room, [words, store.draft(room)].filter(Boolean).join("\n"));
  }

  #onHide() {
    if (this.#current) store.keepDraft(this.#current.name, this.#composer.draft);
    this.#chat?.outbox.close();
  }

  #onVisibility() {
    if (!this.#chat) return;
    cancelAnimationFrame(this.#drawing); // of a page that is hidden now it would never come
    this.#drawing = null;
    this.#draw();
    if (document.hidden) return;
    this.#chat.wake();
    this.#listRooms();
  }

  // -- rooms

  #open(name) {
    if (roomOfPath() !== name) history.pushState(null, "", `/r/${name}`);
    this.#show(name);
    if (matchMedia("(hover: hover)").matches) this.#composer.focus();
  }

  #show(name) {
    if (this.#current?.name === name) return;
    if (this.#current) store.keepDraft(this.#current.name, this.#composer.draft);
    this.#current = this.#join(name);
    const room = this.#current;
    room.divider = room.unread > 0 ? room.readSeq : null;
    this.#composer.turnTo(name, store.draft(name));
    byId("room-name").textContent = `#${name}`;
    this.#fresh = true;
    this.#showTyping();
    this.#draw();
  }

  #join(name) {
    if (!this.#rooms.has(name)) {
      this.#rooms.set(name, new Room(name));
      this.#chat.join(name);
      store.rooms = [...this.#rooms.keys()];
    }
    return this.#rooms.get(name);
  }

  #leave(name) {
    this.#chat.leave(name);
    this.#forget(name);
  }

  #forget(name) {
    const room = this.#rooms.get(name);
    this.#rooms.delete(name);
    store.rooms = [...this.#rooms.keys()];
    if (room && room === this.#current) this.#open([...this.#rooms.keys()][0] ?? FIRST_ROOM);
    this.#draw();
  }

  async #listRooms() {
    if (!this.#chat || document.hidden || this.#chat.state.state !== "open") return;
    try {
      this.#listed = (await this.#chat.rooms()) ?? [];
    } catch {
      return; // the list stays as it was
    }
    this.#draw();
  }

  async #older() {
    const room = this.#current;
    if (!room?.more || room.loading || !room.joined || this.#chat.state.state !== "open") return;
    const { epoch } = room;
    room.loading = true;
    try {
      const page = await this.#chat.history(room.name, room.messages[0]?.seq);
      if (room.epoch === epoch) room.onHistory(page);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 1000));
    } finally {
      room.loading = false;
    }
    this.#draw();
  }

  // -- writing

  #send(text) {
    const refusal = this.#outgoing.send(this.#current.name, text);
    if (refusal === null) this.#log.toEnd();
    return refusal;
  }

  #onOutbox(entry) {
    const elsewhere = entry?.room !== this.#current?.name;
    if (entry?.state === "failed" && elsewhere) toast(`A message to #${entry.room} was not sent.`);
    this.#draw();
  }

  // -- reading

  #looksAt(room) {
    return room === this.#current && !document.hidden && document.hasFocus() && this.#log.atEnd;
  }

  #seen() {
    const room = this.#current;
    if (!room?.joined || !this.#looksAt(room) || this.#fresh) return;
    if (room.markRead() === null) return;
    this.#read.room = room;
    this.#read.timer ??= setTimeout(() => {
      this.#read.timer = undefined;
      this.#chat.read(this.#read.room.name, this.#read.room.readSeq);
    }, READ_MS);
    this.#draw();
  }

  #showTyping() {
    showTyping(this.#current?.typing(performance.now()) ?? []);
  }

  // -- drawing

  /** Draw soon: once for whatever happens in one frame. A hidden page has no frames, but its title still counts. */
  #draw() {
    if (this.#drawing !== null || !this.#current) return;
    const soon = document.hidden ? (work) => setTimeout(work, 200) : requestAnimationFrame;
    this.#drawing = soon(() => {
      this.#drawing = null;
      this.#drawNow();
    });
  }

  #drawNow() {
    const room = this.#current;
    const fresh = this.#fresh && room.joined;
    if (fresh) this.#fresh = false;
    this.#log.draw(rowsOf(room, this.#outgoing.entries(room.name), this.#me), { fresh, unread: room.unread });
    this.#sidebar.people(room, this.#me);
    this.#sidebar.me(this.#chat.user ?? { id: "", name: store.name }, this.#chat.state.state, this.#status.word);
    this.#drawRooms();
  }

  #drawRooms() {
    const current = this.#current.name;
    const rooms = [...this.#rooms.values()].map(({ name, unread }) => ({ name, unread, current: name === current }));
    rooms.sort((one, other) => one.name.localeCompare(other.name));
    this.#sidebar.rooms(rooms, this.#listed.filter(({ room }) => !this.#rooms.has(room)));
    const unread = rooms.reduce((sum, room) => sum + room.unread, 0);
    document.title = `${unread > 0 ? `(${unread}) ` : ""}#${current} · Parley`;
  }
}

new Page().start();
