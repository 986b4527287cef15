/**
 * The server's clock: a JSON string once a second.
 * @module
 */

import { Backoff } from "./backoff.js";

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

function show(time, state) {
  if (time !== null) document.getElementById("server-time").textContent = time;
  document.getElementById("state").textContent = state;
}

connect();
