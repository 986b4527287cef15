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
interface Referring {
  ref?: string;
}

// -- what clients send

export interface Join extends Referring {
  type: "join";
  room: string;
  limit?: number;
  since?: Position;
  /** kinds of events that the client knows beyond messages, edits, removals and reactions */
  events?: string[];
}

export interface Leave extends Referring {
  type: "leave";
  room: string;
}

export interface Send extends Referring {
  type: "send";
  room: string;
  id: string;
  text: string;
}

export interface History extends Referring {
  type: "history";
  room: string;
  before?: number;
  limit?: number;
}

export interface Typing extends Referring {
  type: "typing";
  room: string;
}

export interface Read extends Referring {
  type: "read";
  room: string;
  seq: number;
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

export interface Renew extends Referring {
  type: "renew";
  ticket: string;
}

export interface Ping extends Referring {
  type: "ping";
}

/** What is stored, under an `id` that is the client's own. */
export type Change = Send | Edit | Remove | React | SetTopic;

export type ClientFrame = Change | Join | Leave | History | Typing | Read | Moderate | Renew | Ping;

// -- what the service sends

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

export interface Left extends Referring {
  type: "left";
  room: string;
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

export interface Renewed extends Referring {
  type: "renewed";
  /** seconds that the new token holds; 0: it never runs out */
  expires_in: number;
}

export interface Pong extends Referring {
  type: "pong";
  at: number;
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

// -- a room's durable events

interface Durable {
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

export type RoomEvent = Message | Edited | Removed | Reacted | TopicEvent;

export type ServerFrame =
  | RoomEvent
  | Welcome
  | Joined
  | Left
  | Sent
  | HistoryPage
  | TypingFrame
  | ReadFrame
  | Moderated
  | Renewed
  | Pong
  | Presence
  | Reset
  | Reconnect
  | ErrorFrame;

// -- what HTTP answers

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
