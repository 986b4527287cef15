/**
 * The types of client.js, for TypeScript. Generated: after a change of client.js, or of what it imports, run
 * `node tests/javascript/declarations.js`.
 */

/** Why the service closed a socket. */
export const CloseCode: Readonly<{
    NORMAL: 1000;
    PROTOCOL_ERROR: 1002;
    UNSUPPORTED_DATA: 1003;
    INVALID_PAYLOAD: 1007;
    POLICY_VIOLATION: 1008;
    TOO_BIG: 1009;
    RESTART: 1012;
    TRY_AGAIN_LATER: 1013;
    UNAUTHENTICATED: 4401;
    REMOVED: 4403;
    NO_PONG: 4408;
    TOO_SLOW: 4413;
    TOO_MANY: 4429;
}>;

/**
 * What a client does after a close.
 * - `STAY`: stays away and shows the reason.
 * - `RETURN`: comes back, by `reconnect` or with full jitter.
 * - `LATER`: comes back too, but gives the other side seconds rather than milliseconds.
 * - `TICKET`: comes back at once with a new ticket; if that is refused as well, like `RETURN`.
 */
export const AfterClose: Readonly<{
    STAY: "stay";
    RETURN: "return";
    LATER: "later";
    TICKET: "ticket";
}>;

/**
 * An error with a code that programs can tell apart.
 * @template {string | number} [Code=string | number]
 */
export class ChatError<Code extends string | number = string | number> extends Error {
    /** @type {(code: string | number) => string} The chat page has words of its own, so client.js brings these. */
    static advise: (code: string | number) => string;
    /**
     * @param {Code} code the service's, or one of this library's own
     * @param {string} message
     * @param {string} [name] the class's
     */
    constructor(code: Code, message: string, name?: string);
    code: Code;
    /** The way out, in a sentence. */
    get advice(): string;
}

export function adviceFor(code: string | number | null | undefined): string;

/**
 * A ticket (or another answer) that was refused. `status` is 0 when nobody answered.
 * @extends {ChatError<string>}
 */
export class HttpError extends ChatError<string> {
    /**
     * @param {number} status
     * @param {string} code the contract's error code, or "unreachable"
     * @param {string} message
     * @param {number} [retryAfter] seconds
     */
    constructor(status: number, code: string, message: string, retryAfter?: number);
    status: number;
    retryAfter: number;
    /** Whether asking again is in vain. */
    get final(): boolean;
}

export class Tickets {
    /**
     * @param {object} options
     * @param {string | URL} options.url where the service is
     * @param {string} [options.name] a guest's name
     * @param {string | (() => string | Promise<string>)} [options.token] a user's token (JWT), or what fetches one
     * @param {Storage | null} [options.storage] keeps the guest token
     * @param {typeof fetch} [options.fetch]
     * @param {string} [options.prefix] of the storage key
     */
    constructor({ url, name, token, storage, fetch, prefix }: {
        url: string | URL;
        name?: string | undefined;
        token?: string | (() => string | Promise<string>) | undefined;
        storage?: Storage | null | undefined;
        fetch?: typeof globalThis.fetch | undefined;
        prefix?: string | undefined;
    });
    /** @type {string | undefined} The name a guest asks for. */
    name: string | undefined;
    /**
     * For how many ms the user's token still holds; null for guests and for tokens that don't say. The token is the
     * service's to check: here it only says when to renew.
     */
    get expiresIn(): number | null;
    /** Whether a new token can be had: only then is there anything to renew. */
    get renewable(): boolean;
    offer(ticket?: string, refused?: boolean): Promise<string[] | object>;
    /**
     * A new ticket, and whose it is.
     * @param {string} [name] another one than before, which a guest is called by from then on
     * @returns {Promise<Ticket>}
     * @throws {HttpError}
     */
    get(name?: string): Promise<Ticket>;
    /**
     * A GET of the API as this user; null where the service has nothing at that path.
     * @param {string} path
     * @returns {Promise<unknown>}
     * @throws {HttpError}
     */
    read(path: string): Promise<unknown>;
    /**
     * Any request of the API as this user.
     * @param {"GET" | "POST" | "DELETE"} method
     * @param {string} path
     * @param {object} [body]
     * @returns {Promise<unknown>} the answer's JSON
     * @throws {HttpError}
     */
    ask(method: "GET" | "POST" | "DELETE", path: string, body?: object): Promise<unknown>;
    /**
     * The user's token as it is now.
     * @param {string | (() => string | Promise<string>)} token or what fetches it
     * @throws {HttpError}
     */
    fresh(token: string | (() => string | Promise<string>)): Promise<string>;
    #private;
}

export type LinkState = {
    state: "closed" | "connecting" | "open" | "waiting" | "stopped";
    /**
     * ms from this state's beginning to the next attempt, while waiting
     */
    retryIn?: number | undefined;
    /**
     * the same as Unix time in ms, by this machine's clock
     */
    retryAt?: number | undefined;
    /**
     * the close code, or the HTTP error's code
     */
    code?: string | number | undefined;
    /**
     * why, in the service's words
     */
    reason?: string | undefined;
};

/**
 * A browser's `WebSocket`, or that of the package `ws` or `undici`. Its `on…` properties, which all of them have, are
 * left out: each types its events in its own way.
 */
export type WebSocketClass = new (url: string, protocols: string[]) => {
    readonly readyState: number;
    readonly bufferedAmount: number;
    send(data: string): void;
    close(code?: number): void;
};

export type Code = LinkState["code"];

/**
 * As many entries wait as a page may keep.
 * @extends {ChatError<"outbox_full">}
 */
export class OutboxFullError extends ChatError<"outbox_full"> {
    constructor();
}

export class Outbox {
    /**
     * @param {object} options
     * @param {Storage | null} [options.storage]
     * @param {LockManager | null} [options.locks]
     * @param {string} [options.prefix] of the storage keys
     * @param {(entry: OutboxEntry | null) => void} [options.onChange] an entry changed, or (null) several were adopted
     */
    constructor({ storage, locks, prefix, onChange }: {
        storage?: Storage | null | undefined;
        locks?: LockManager | null | undefined;
        prefix?: string | undefined;
        onChange?: ((entry: OutboxEntry | null) => void) | undefined;
    });
    /** Whether entries survive the page. False while storage is full or switched off. */
    durable: boolean;
    /**
     * A room's entries, or all, in order.
     * @param {string} [room]
     */
    list(room?: string): OutboxEntry[];
    /** @param {string} id */
    get(id: string): OutboxEntry | undefined;
    /** Rooms for which something waits to be sent. */
    rooms(): Set<string>;
    /**
     * Keep a frame until it is acknowledged.
     * @param {NewChange} frame it is given an id
     * @param {string | null} user
     * @param {string} [epoch] of its target's history
     * @returns {OutboxEntry}
     * @throws {OutboxFullError}
     */
    add(frame: NewChange, user: string | null, epoch?: string): OutboxEntry;
    /**
     * Change an entry: its state, its error, its user.
     * @param {string} id
     * @param {Partial<OutboxEntry>} change
     */
    update(id: string, change: Partial<OutboxEntry>): void;
    /**
     * It is acknowledged, or its author gave it up.
     * @param {string} id
     */
    remove(id: string): void;
    /** The page goes: somebody else may take what is left. */
    close(): void;
    /** Look for entries whose page is gone. */
    adopt(): void;
    #private;
}

export type OutboxEntry = {
    /**
     * the event's id, the same however often it is sent
     */
    id: string;
    room: string;
    /**
     * what is sent
     */
    frame: Change;
    /**
     * when it was written, Unix time in ms
     */
    at: number;
    /**
     * whose words they are; null before anybody was let in
     */
    user: string | null;
    /**
     * `paused`: its author changes it; what was written after
     * it waits
     */
    state: "queued" | "sending" | "paused" | "failed";
    /**
     * whether it was ever on its way: it may be stored
     */
    tried?: boolean | undefined;
    /**
     * whether it was rewritten after that: what is stored may be its first form
     */
    changed?: boolean | undefined;
    /**
     * of that first form, once it was seen
     */
    seq?: number | undefined;
    /**
     * of the history that its target stands in, where it has one: in another that seq is
     * another's
     */
    epoch?: string | undefined;
    /**
     * why it failed
     */
    error?: string | undefined;
    /**
     * of that
     */
    code?: ErrorCode | undefined;
};

export type NewChange = (Omit<Send, "id"> | Omit<Edit, "id"> | Omit<Remove, "id"> | Omit<React, "id"> | Omit<SetTopic, "id">);

/**
 * A request was refused (`code` of the contract) or not answered ("offline", "timeout", "busy").
 * @extends {ChatError<ErrorCode | "offline" | "timeout" | "busy">}
 */
export class RequestError extends ChatError<"offline" | "timeout" | "busy" | ErrorCode> {
    /**
     * @param {ErrorCode | "offline" | "timeout" | "busy"} code
     * @param {string} message
     * @param {number} [retryAfter] seconds
     */
    constructor(code: ErrorCode | "offline" | "timeout" | "busy", message: string, retryAfter?: number);
    retryAfter: number | undefined;
}

/**
 * everything after seq `after`, and why
 */
export type Loss = {
    reason: Reset["reason"];
    after: number;
};

/**
 * everything after seq `after` is missing, but for what `joined` brings
 */
export type Gap = {
    room: string;
} & Loss;

/**
 * What the service takes for no answer to try again.
 */
export type Refusal = {
    /**
     * of what was in the outbox
     */
    id?: string | undefined;
    room: string;
    type: "join" | "edit" | "remove" | "react" | "topic";
    code: ErrorCode;
    message: string;
    /**
     * an edit's or a topic's
     */
    text?: string | undefined;
};

/**
 * A request is to be sent again later: a join, or something of the outbox.
 */
export type Hold = {
    room: string;
    /**
     * `rate_limited` or `unavailable`; null: what the room asked for is taken again
     */
    code: ErrorCode | null;
    /**
     * ms
     */
    retryIn: number;
};

/** A connection that comes back, the rooms one is in, and an outbox. */
export class ChatCore {
    /**
     * @param {CoreOptions & {prefix?: string}} options `prefix`: of the keys in the storage
     * @param {Tickets} [tickets]
     * @throws {TypeError} where there is no WebSocket
     */
    constructor(options: CoreOptions & {
        prefix?: string;
    }, tickets?: Tickets);
    /** @type {Person | null} who we are */
    user: Person | null;
    /** Whether we are a moderator. */
    moderator: boolean;
    /** @type {Limits} the service's, from `welcome` */
    limits: Limits;
    /** @type {Outbox} what isn't stored yet: `outbox.list(room)` */
    outbox: Outbox;
    /** @private for detour.js beside us */
    private link;
    /** @returns {LinkState} how the connection stands */
    get state(): LinkState;
    /** How long ago the service was last heard, ms. */
    get silence(): number;
    /**
     * Listen. A listener that throws disturbs nobody else.
     * @template {keyof ChatEvents} E
     * @param {E} event
     * @param {(value: ChatEvents[E]) => void} listener
     * @returns {() => void} what stops it
     */
    on<E extends keyof ChatEvents>(event: E, listener: (value: ChatEvents[E]) => void): () => void;
    /** Connect, and come back after whatever happens, until `close` or a close code that says to stay away. */
    open(): void;
    /** Leave. What is in the outbox stays there, for the next page. */
    close(): void;
    /** The network is back or the page is seen again: look at once, or ask whether the connection still lives. */
    wake(): void;
    /**
     * Be called otherwise: connects anew once the service has agreed. Until then, and where it doesn't, nothing changes.
     * @param {string} name
     * @throws {HttpError}
     */
    rename(name: string): Promise<void>;
    /**
     * Be in a room, now and after every reconnect.
     * @param {string} room
     * @param {{limit?: number}} [options] how many messages `joined` brings
     */
    join(room: string, { limit }?: {
        limit?: number;
    }): void;
    /**
     * Be in it no longer. What waits for it in the outbox is still sent.
     * @param {string} room
     */
    leave(room: string): void;
    /**
     * The last durable event of a room that was seen.
     * @param {string} room
     * @returns {Position | null}
     */
    position(room: string): Position | null;
    /**
     * What a room we are in is about.
     * @param {string} room
     * @returns {Topic | null}
     */
    topic(room: string): Topic | null;
    /**
     * Who began a room we are in; null where nobody did yet, or nobody knows.
     * @param {string} room
     * @returns {Begun | null}
     */
    begun(room: string): Begun | null;
    /**
     * Whether the service would let us say what a room we are in is about.
     * @param {string} room
     */
    maySetTopic(room: string): boolean;
    /**
     * Say something. It is kept and sent until the service has stored it.
     * @param {string} room
     * @param {string} text
     * @returns {OutboxEntry}
     * @throws {OutboxFullError}
     */
    send(room: string, text: string): OutboxEntry;
    /**
     * Change one's own message.
     * @param {string} room
     * @param {number} target its seq
     * @param {string} text
     * @param {string} [epoch] of the history in which it was seen, where that isn't the one of today
     * @returns {OutboxEntry}
     * @throws {OutboxFullError}
     */
    edit(room: string, target: number, text: string, epoch?: string): OutboxEntry;
    /**
     * Remove one's own message.
     * @param {string} room
     * @param {number} target its seq
     * @param {string} [epoch] as in `edit`
     * @returns {OutboxEntry}
     * @throws {OutboxFullError}
     */
    remove(room: string, target: number, epoch?: string): OutboxEntry;
    /**
     * Add (`on`) or take back a reaction.
     * @param {string} room
     * @param {number} target the message's seq
     * @param {string} emoji
     * @param {boolean} [on]
     * @param {string} [epoch] as in `edit`
     * @returns {OutboxEntry}
     * @throws {OutboxFullError}
     */
    react(room: string, target: number, emoji: string, on?: boolean, epoch?: string): OutboxEntry;
    /**
     * Say what a room is about; for moderators and whoever began it.
     * @param {string} room
     * @param {string} text empty: nothing
     * @returns {OutboxEntry}
     * @throws {OutboxFullError}
     */
    setTopic(room: string, text: string): OutboxEntry;
    /**
     * Keep an entry back, and what was written after it in its room, while its author changes it (then `rewrite`, or
     * `resume`).
     * @param {string} id the entry's
     * @returns {boolean} false if it is on its way now
     */
    pause(id: string): boolean;
    /**
     * What was kept back is sent as it was.
     * @param {string} id the entry's
     */
    resume(id: string): void;
    /**
     * Say something else than an entry said, and send it. Should its first form turn out to be stored, that is edited.
     * @param {string} id the entry's
     * @param {string} text
     */
    rewrite(id: string, text: string): void;
    /**
     * Send an entry that failed or was kept back; as oneself, if somebody else wrote it.
     * @param {string} id the entry's
     */
    retry(id: string): void;
    /**
     * Give an entry up. It may have been stored if it was ever on its way.
     * @param {string} id the entry's
     */
    discard(id: string): void;
    /**
     * A page of history.
     * @param {string} room joined
     * @param {number} [before] only messages with a smaller seq
     * @param {number} [limit]
     * @returns {Promise<HistoryPage>}
     * @throws {RequestError}
     */
    history(room: string, before?: number, limit?: number): Promise<HistoryPage>;
    /**
     * Kick, ban, mute, slow somebody, or take it back; for moderators.
     * @param {Omit<Moderate, "type" | "ref">} order
     * @returns {Promise<Moderated>}
     * @throws {RequestError}
     */
    moderate(order: Omit<Moderate, "type" | "ref">): Promise<Moderated>;
    /**
     * Say that we are typing.
     * @param {string} room
     */
    typing(room: string): void;
    /**
     * Say that everything up to `seq` is read.
     * @param {string} room
     * @param {number} seq
     */
    read(room: string, seq: number): void;
    /**
     * Rooms that may be entered; null where the service does not list any.
     * @returns {Promise<ListedRoom[] | null>}
     * @throws {HttpError}
     */
    rooms(): Promise<ListedRoom[] | null>;
    #private;
}

/**
 * What there is to listen to, by name; where nothing else is said, the service's frame.
 */
export type ChatEvents = {
    /**
     * of the connection: what `state` is now
     */
    state: LinkState;
    /**
     * who we are, the limits
     */
    welcome: Welcome;
    /**
     * `fresh`: its `messages` replace what was known; otherwise what was
     * missed follows
     */
    joined: Joined & {
        fresh: boolean;
    };
    /**
     * somebody said something
     */
    message: Message;
    /**
     * the message `target` has another text
     */
    edited: Edited;
    /**
     * the message `target` is gone
     */
    removed: Removed;
    /**
     * somebody added (`on`) or took back a reaction to the message `target`
     */
    reacted: Reacted;
    /**
     * somebody said what the room is about; `topic()` has it
     */
    topic: TopicEvent;
    /**
     * messages are missing
     */
    gap: Gap;
    /**
     * who came and went
     */
    presence: Presence;
    /**
     * somebody types
     */
    typing: TypingFrame;
    /**
     * somebody has read up to `seq`
     */
    read: ReadFrame;
    /**
     * the answer to a moderator; or, of ourselves, that we are removed, before the close
     */
    moderated: Moderated;
    /**
     * the service leaves, and takes us back when it said
     */
    reconnect: Reconnect;
    /**
     * comes before its entry leaves the outbox; the event itself comes before it or after
     */
    sent: Sent;
    /**
     * the entry that changed or is gone, or null for several
     */
    outbox: OutboxEntry | null;
    /**
     * the service asked to wait with a room, or (code null) the wait was worth it
     */
    held: Hold;
    /**
     * a join, an edit, a removal, a reaction or a topic was refused for good
     */
    refused: Refusal;
    /**
     * an error of the service that answers nothing of ours
     */
    problem: ErrorFrame;
};

/**
 * What a chat is made with.
 */
export type CoreOptions = {
    /**
     * where the service is
     */
    url: string | URL;
    /**
     * a guest's name
     */
    name?: string | undefined;
    /**
     * a user's token, or what fetches a fresh one
     */
    token?: string | (() => string | Promise<string>) | undefined;
    /**
     * for the guest token and the outbox; none keeps both in memory
     */
    storage?: Storage | null | undefined;
    /**
     * says which outbox still has its page; by default `navigator.locks`
     */
    locks?: LockManager | null | undefined;
    /**
     * where there is none of its own (Node 20): that of the package `ws` or `undici`
     */
    WebSocket?: WebSocketClass | undefined;
    /**
     * what asks the service over HTTP; by default the platform's own
     */
    fetch?: typeof fetch | undefined;
};

/** A connection that comes back, the rooms one is in, and an outbox; with promises and loops of what happens. */
export class Chat extends ChatCore {
    /**
     * @param {ChatOptions} options
     * @throws {TypeError} for an option that there isn't, and where there is no WebSocket
     */
    constructor(options: ChatOptions);
    /**
     * By what we are connected; null while we are not. "events" where WebSockets are blocked, by a proxy on the way: the same
     * goes by HTTP. WebSockets are tried again now and then, and gone back to.
     * @returns {"websocket" | "events" | null}
     */
    get transport(): "websocket" | "events" | null;
    /**
     * The service has let us in: its `welcome`. While the connection is away it is a promise of the next one. It is
     * rejected with `ChatError` once the chat is stopped (the code of `state`) or closed ("closed"), until `open`.
     */
    get ready(): Promise<Welcome>;
    /**
     * Connect, and come back after whatever happens, until `close` or a close code that says to stay away.
     * @returns {Promise<Welcome>} `ready`
     */
    open(): Promise<Welcome>;
    /**
     * The next event of a kind: as a promise, or to a listener, which is called for that one alone. The promise is
     * rejected with `ChatError` when the chat is stopped or closed first.
     * @template {keyof ChatEvents} E
     * @overload
     * @param {E} event
     * @returns {Promise<ChatEvents[E]>}
     * @throws {TypeError} for an event that there isn't
     */
    once<E extends keyof ChatEvents>(event: E): Promise<ChatEvents[E]>;
    /**
     * @template {keyof ChatEvents} E
     * @overload
     * @param {E} event
     * @param {(value: ChatEvents[E]) => void} listener
     * @returns {() => void} what stops it
     * @throws {TypeError} for an event that there isn't
     */
    once<E extends keyof ChatEvents>(event: E, listener: (value: ChatEvents[E]) => void): () => void;
    /**
     * All events of a kind from now on, for `for await`; with `room`, those of that room alone. The loop ends when the
     * chat is closed or the room left, and throws `ChatError` when the chat is stopped, the room's join refused, or
     * 10,000 values wait to be taken ("overflow").
     * @template {keyof ChatEvents} E
     * @param {E} event
     * @param {{room?: string}} [options]
     * @returns {AsyncIterableIterator<ChatEvents[E]>}
     * @throws {TypeError} for an event or an option that there isn't
     */
    events<E extends keyof ChatEvents>(event: E, options?: {
        room?: string;
    }): AsyncIterableIterator<ChatEvents[E]>;
    /**
     * Be in a room, now and after every reconnect.
     * @param {string} room
     * @param {{limit?: number}} [options] how many messages `joined` brings
     * @returns {Promise<JoinedRoom>} the `joined` event, once the service lets us in; at once, with no messages, where we
     *     are in already. Rejected with `ChatError` where it doesn't (its code), the room is left ("left"), or the chat
     *     is stopped or closed.
     * @throws {TypeError} for an option that there isn't
     */
    join(room: string, options?: {
        limit?: number;
    }): Promise<JoinedRoom>;
    /**
     * Say something. It is kept and sent until the service has stored it.
     * @param {string} room
     * @param {string} text
     * @returns {Sending}
     * @throws {OutboxFullError}
     */
    send(room: string, text: string): Sending;
    /**
     * Change one's own message.
     * @param {string} room
     * @param {number} target its seq
     * @param {string} text
     * @param {string} [epoch] of the history in which it was seen, where that isn't the one of today
     * @returns {Sending}
     * @throws {OutboxFullError}
     */
    edit(room: string, target: number, text: string, epoch?: string): Sending;
    /**
     * Remove one's own message.
     * @param {string} room
     * @param {number} target its seq
     * @param {string} [epoch] as in `edit`
     * @returns {Sending}
     * @throws {OutboxFullError}
     */
    remove(room: string, target: number, epoch?: string): Sending;
    /**
     * Add (`on`) or take back a reaction.
     * @param {string} room
     * @param {number} target the message's seq
     * @param {string} emoji
     * @param {boolean} [on]
     * @param {string} [epoch] as in `edit`
     * @returns {Sending}
     * @throws {OutboxFullError}
     */
    react(room: string, target: number, emoji: string, on?: boolean, epoch?: string): Sending;
    /**
     * Say what a room is about; for moderators and whoever began it.
     * @param {string} room
     * @param {string} text empty: nothing
     * @returns {Sending}
     * @throws {OutboxFullError}
     */
    setTopic(room: string, text: string): Sending;
    #private;
}

/**
 * What is of use outside of browsers.
 */
export type BearerOption = {
    /**
     * whether the token goes with the handshake itself, and no ticket is asked for: for
     * WebSockets that take headers (Node's own, `ws`, `undici`, Bun's), which a browser's doesn't
     */
    bearer?: boolean | undefined;
};

/**
 * what a chat is made with
 */
export type ChatOptions = CoreOptions & BearerOption;

/**
 * Which event the room has for an entry.
 */
export type Stored = {
    /**
     * the entry's
     */
    id: string;
    room: string;
    /**
     * the event's
     */
    seq: number;
};

/**
 * What `send` and its like give: the entry, which events tell of later, and a promise. It is rejected with `ChatError`
 * where the service refuses the entry (its code), where it is discarded ("discarded"), or where the chat is closed or
 * stopped first ("closed", or the code of the stop; the entry stays in the outbox). It is settled once: what `retry`
 * makes of a refused one, events tell.
 */
export type Sending = OutboxEntry & {
    readonly stored: Promise<Stored>;
};

export type JoinedRoom = Joined & {
    fresh: boolean;
};

/**
 * The wire contract (docs/protocol.md) as types. No program loads this file: it is read by type checkers, and by whoever
 * wants to know what a frame holds. A test holds the frames equal to service/protocol.py.
 *
 * `at` is Unix time in ms, by the broker's clock; `seq` counts a room's durable events from 1; `epoch` names one life of
 * that count.
 */
export interface Person {
  id: string;
  name: string;
}

/** The last durable event of a room that somebody saw. */
export interface Position {
  epoch: string;
  seq: number;
}

export type Action = "kick" | "ban" | "unban" | "mute" | "unmute" | "slow" | "unslow";

export type ErrorCode =
  | "bad_request"
  | "unknown_type"
  | "bad_room"
  | "not_joined"
  | "forbidden"
  | "too_large"
  | "too_many_rooms"
  | "rate_limited"
  | "unavailable";

/** `ref` is a client's own; the answer to a request echoes it. */
export interface Referring {
  ref?: string;
}

export interface Send extends Referring {
  type: "send";
  room: string;
  id: string;
  text: string;
}

export interface Edit extends Referring {
  type: "edit";
  room: string;
  id: string;
  target: number;
  text: string;
}

export interface Remove extends Referring {
  type: "remove";
  room: string;
  id: string;
  target: number;
}

export interface React extends Referring {
  type: "react";
  room: string;
  id: string;
  target: number;
  emoji: string;
  on?: boolean;
}

export interface SetTopic extends Referring {
  type: "topic";
  room: string;
  id: string;
  /** Empty: none. */
  text: string;
}

export interface Moderate extends Referring {
  type: "moderate";
  user: string;
  action: Action;
  /** Everywhere, without it. */
  room?: string;
  /** For good, without it. */
  seconds?: number;
  reason?: string;
  /** All guests of the networks that the guest `user` comes from. */
  network?: boolean;
}

/** What is stored, under an `id` that is the client's own. */
export type Change = Send | Edit | Remove | React | SetTopic;

export interface Limits {
  /** characters of a text */
  text: number;
  /** bytes of a frame */
  frame: number;
  /** rooms of one socket */
  rooms: number;
}

export interface Welcome {
  type: "welcome";
  user: Person;
  version: number;
  /** seconds between the service's pings */
  heartbeat: number;
  limits: Limits;
  /** "moderator", for who is one */
  role?: string;
  /** messages by room, where we read before */
  unread?: Record<string, number>;
  /** the secret by which frames are posted, on an event stream */
  session?: string;
}

/** What a room is about. */
export interface Topic {
  text: string;
  user: Person;
  at: number;
  /** of the event that said so */
  seq: number;
}

/** Who began a room, and when. */
export interface Begun {
  user: Person;
  at: number;
}

export interface Joined extends Referring {
  type: "joined";
  room: string;
  epoch: string;
  seq: number;
  resumed: boolean;
  messages: Message[];
  more: boolean;
  members?: Person[];
  count?: number;
  /** seq by user id */
  reads?: Record<string, number>;
  topic?: Topic;
  begun?: Begun;
}

export interface Sent extends Referring {
  type: "sent";
  room: string;
  id: string;
  seq: number;
  at: number;
  duplicate: boolean;
}

export interface HistoryPage extends Referring {
  type: "history";
  room: string;
  messages: Message[];
  more: boolean;
}

export interface TypingFrame {
  type: "typing";
  room: string;
  user: Person;
}

export interface ReadFrame {
  type: "read";
  room: string;
  /** the user's id */
  user: string;
  seq: number;
}

export interface Moderated extends Referring {
  type: "moderated";
  room?: string;
  /** the user's id */
  user: string;
  action: Action;
}

export interface Presence {
  type: "presence";
  room: string;
  joined?: Person[];
  /** user ids */
  left?: string[];
  count: number;
}

export interface Reset {
  type: "reset";
  room: string;
  reason: "epoch" | "trimmed";
}

export interface Reconnect {
  type: "reconnect";
  in_ms: number;
  ticket?: string;
}

export interface ErrorFrame extends Referring {
  type: "error";
  code: ErrorCode;
  message: string;
  /** seconds */
  retry_after?: number;
}

export interface Durable {
  room: string;
  seq: number;
  /** its author's own */
  id: string;
  user: Person;
  at: number;
}

export interface Message extends Durable {
  type: "message";
  /** Not there once the message is removed. */
  text?: string;
  removed?: true;
  edited_at?: number;
  /** user ids by emoji */
  reactions?: Record<string, string[]>;
}

export interface Edited extends Durable {
  type: "edited";
  target: number;
  /** Not there once the message is removed. */
  text?: string;
  removed?: true;
}

export interface Removed extends Durable {
  type: "removed";
  target: number;
}

export interface Reacted extends Durable {
  type: "reacted";
  target: number;
  emoji: string;
  on: boolean;
}

export interface TopicEvent extends Durable {
  type: "topic";
  /** Empty: none. */
  text: string;
}

/** `POST /tickets`. */
export interface Ticket {
  ticket: string;
  /** seconds */
  expires_in: number;
  user: Person;
  /** for guests */
  guest?: string;
}

/** A room of `GET /rooms`. */
export interface ListedRoom {
  room: string;
  /** members */
  count: number;
  unread: number;
}
