/**
 * The Play guide's room: everybody who comes, speaks and goes.
 * @module
 */

import { Backoff } from "./client/backoff.js";
import { AfterClose, afterClose } from "./client/codes.js";
import { byId, el } from "./page/dom.js";

/** @typedef {{kind: "join" | "talk" | "quit", user: string, message: string, members: string[]}} Heard */

const KEPT = 500; // messages on the page
const COMPOSING = 229; // keyCode of what an input method has yet to finish

const backoff = new Backoff();
const username = new URLSearchParams(location.search).get("username")?.trim() ?? "";
const url = new URL("/room/chat", location.href);
url.protocol = url.protocol.replace("http", "ws");
url.searchParams.set("username", username);
const [me, trouble, door, room, messages, members] = ["me", "trouble", "door", "room", "messages", "members"].map((id) =>
  byId(id),
);
const name = byId("name", HTMLInputElement);
const talk = byId("talk", HTMLTextAreaElement);

/** @type {WebSocket | undefined} */
let socket;

function connect() {
  let refusal = "";
  socket = new WebSocket(url);
  socket.onmessage = ({ data }) => {
    const heard = JSON.parse(data);
    if (heard.error !== undefined) {
      refusal = heard.error;
      return;
    }
    backoff.reset();
    show(heard);
  };
  socket.onclose = ({ code, reason }) => {
    if (afterClose(code) === AfterClose.STAY) {
      askName(refusal || reason);
      return;
    }
    trouble.textContent = "No connection. Trying again…";
    setTimeout(connect, backoff.next());
  };
}

/** @param {string} reason */
function askName(reason) {
  trouble.textContent = reason;
  me.textContent = "";
  room.hidden = true;
  door.hidden = false;
  name.value = username;
  name.focus();
}

/** @param {Heard} heard */
function show({ kind, user, message, members: names }) {
  const below = messages.scrollHeight - messages.scrollTop - messages.clientHeight < 40;
  trouble.textContent = "";
  room.hidden = false;
  const row = el("li", { class: kind }, el("b", {}, user), el("span", {}, message));
  row.classList.toggle("me", user === username);
  messages.append(row);
  while (messages.childElementCount > KEPT) messages.firstElementChild?.remove();
  if (below) messages.scrollTop = messages.scrollHeight;
  members.replaceChildren(...names.map((person) => el("li", {}, person)));
}

talk.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === COMPOSING) return;
  event.preventDefault();
  if (talk.value.trim() === "" || socket?.readyState !== WebSocket.OPEN) return; // kept until it can be sent
  socket.send(JSON.stringify({ text: talk.value }));
  talk.value = "";
});

door.addEventListener("submit", (event) => {
  event.preventDefault();
  location.search = new URLSearchParams({ username: name.value }).toString();
});

if (username === "") {
  askName("");
} else {
  me.textContent = `You are ${username}`;
  connect();
}
