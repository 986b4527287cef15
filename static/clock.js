/**
 * The server's clock: a JSON string once a second.
 * @module
 */

import { Backoff } from "./client/backoff.js";
import { byId } from "./page/dom.js";

const backoff = new Backoff();
const url = new URL("/clock", location.href);
url.protocol = url.protocol.replace("http", "ws");

function connect() {
  const socket = new WebSocket(url);
  socket.onmessage = ({ data }) => {
    backoff.reset();
    show(JSON.parse(data), "");
  };
  socket.onclose = () => {
    show(null, "No connection. Trying again…");
    setTimeout(connect, backoff.next());
  };
}

/** @type {(time: string | null, state: string) => void} */
function show(time, state) {
  if (time !== null) byId("server-time").textContent = time;
  byId("state").textContent = state;
}

connect();
