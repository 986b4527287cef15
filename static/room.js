/**
 * The Play guide's room: everybody who comes, speaks and goes.
 * @module
 */

import { Backoff } from "./backoff.js";
import { AfterClose, afterClose } from "./codes.js";

const KEPT = 500; // messages on the page
const COMPOSING = 229; // keyCode of what an input method has yet to finish

const backoff = new Backoff();
const username = new URLSearchParams(location.search).get("username")?.trim() ?? "";
const url = new URL("/room/chat", location.href);
url.protocol = url.protocol.replace("http", "ws");
url.searchParams.set("username", username);
const [me, trouble, door, room, messages, members, talk] = [
  "me", "trouble", "door", "room", "messages", "members", "talk",
].map((id) => document.getElementById(id));

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

function askName(reason) {
  trouble.textContent = reason;
  me.textContent = "";
  room.hidden = true;
  door.hidden = false;
  const name = document.getElementById("name");
  name.value = username;
  name.focus();
}

function show({ kind, user, message, members: names }) {
  const below = messages.scrollHeight - messages.scrollTop - messages.clientHeight < 40;
  trouble.textContent = "";
  room.hidden = false;
  const row = element("li", "");
  row.className = kind;
  row.classList.toggle("me", user === username);
  row.append(element("b", user), element("span", message));
  messages.append(row);
  while (messages.childElementCount > KEPT) messages.firstElementChild.remove();
  if (below) messages.scrollTop = messages.scrollHeight;
  members.replaceChildren(...names.map((name) => element("li", name)));
}

function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

talk.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === COMPOSING) return;
  event.preventDefault();
  if (talk.value.trim() === "" || socket.readyState !== WebSocket.OPEN) return; // kept until it can be sent
  socket.send(JSON.stringify({ text: talk.value }));
  talk.value = "";
});

door.addEventListener("submit", (event) => {
  event.preventDefault();
  location.search = new URLSearchParams({ username: document.getElementById("name").value });
});

if (username === "") {
  askName("");
} else {
  me.textContent = `You are ${username}`;
  connect();
}
