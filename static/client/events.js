/**
 * Where WebSockets are blocked: the same frames by an event stream and POST, with the face of a `WebSocket`.
 * docs/protocol.md, Where WebSockets are blocked.
 * @module
 */

const BATCH = 50; // frames of one request,
const BATCH_LENGTH = 40_000; // or as many as are this long, each up to three bytes: the service takes 128 KiB
const REQUEST_MS = 15_000;
const AGAIN_MS = 1000; // after a request that nobody answered

const FIRST_MS = 8000; // for the first event, which the service sends at once

/** @param {number} ms */
const sleep = (ms) => new Promise((done) => {
  setTimeout(done, ms);
});

export class EventSocket {
  /** As a WebSocket's: open once the service has said how frames are sent. */
  readyState = 0;
  bufferedAmount = 0;
  /** @type {((event: {data: string}) => void) | null} a frame; an empty one is a sign of life */
  onmessage = null;
  /** @type {((event: {code: number | string, reason: string}) => void) | null} */
  onclose = null;
  onerror = null;

  #url;
  #fetch;
  #secret = "";
  #number = 0; // of the last request with frames
  /** @type {string[]} */
  #waiting = [];
  #sending = false;
  #end = new AbortController();
  #first;

  /**
   * @param {string} url of the stream
   * @param {string[] | object} offer what a WebSocket's handshake would bring
   * @param {typeof globalThis.fetch} [fetch]
   */
  constructor(url, offer, fetch = globalThis.fetch) {
    this.#url = url;
    this.#fetch = fetch;
    const { headers } = /** @type {{headers?: {Authorization: string}}} */ (offer);
    const ticket = Array.isArray(offer) ? `Ticket ${offer[1].slice("ticket.".length)}` : "";
    this.#first = setTimeout(() => this.#close("buffered", "something on the way holds answers back"), FIRST_MS);
    this.#read(headers?.Authorization ?? ticket);
  }

  /** @param {string} frame */
  send(frame) {
    this.bufferedAmount += frame.length;
    this.#waiting.push(frame);
    if (!this.#sending) this.#send();
  }

  /** There is no way to tell the service but to let go. */
  close() {
    this.readyState = 3;
    clearTimeout(this.#first);
    this.#end.abort();
  }

  /**
   * @param {number | string} code
   * @param {string} reason
   */
  #close(code, reason) {
    if (this.readyState === 3) return;
    this.close();
    this.onclose?.({ code, reason });
  }

  /**
   * @param {string} path
   * @param {string} credential
   * @param {string | undefined} body
   * @param {AbortSignal} signal
   */
  #post(path, credential, body, signal) {
    const headers = { Authorization: credential };
    const options = /** @type {const} */ ({ method: "POST", credentials: "omit", cache: "no-store" });
    return this.#fetch.call(globalThis, this.#url + path, { ...options, headers, body, signal });
  }

  /** @param {string} credential */
  async #read(credential) {
    let reason = "the stream was cut";
    try {
      const response = await this.#post("", credential, undefined, this.#end.signal);
      if (!response.ok || !response.body) throw new Error(`HTTP ${response.status}`);
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        const events = (rest + part.value).split("\n\n");
        rest = events.pop() ?? "";
        events.forEach((event) => this.#take(event));
      }
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
    this.#close(1006, reason);
  }

  /** @param {string} event */
  #take(event) {
    if (this.readyState === 3) return;
    const data = /^data: (.*)$/m.exec(event)?.[1] ?? ""; // none: a comment, the service's ping
    if (event.startsWith("event: close")) {
      const { code, reason } = JSON.parse(data);
      return this.#close(code, reason);
    }
    if (!this.#secret && data) {
      clearTimeout(this.#first);
      this.#secret = JSON.parse(data).session;
      this.readyState = 1;
    }
    this.onmessage?.({ data });
  }

  /** One request after the other, so that nothing is overtaken; one whose answer was lost is done once, by its number. */
  async #send() {
    this.#sending = true;
    while (this.#waiting.length && this.readyState === 1) {
      const frames = this.#waiting.splice(0, this.#fitting());
      this.#number += 1;
      await this.#deliver(frames.join("\n"));
      for (const { length } of frames) this.bufferedAmount -= length;
    }
    this.#sending = false;
  }

  /** How many of the waiting frames go together: one at least. */
  #fitting() {
    const most = Math.min(BATCH, this.#waiting.length);
    let length = this.#waiting[0].length;
    for (let count = 1; count < most; count += 1) {
      length += 1 + this.#waiting[count].length;
      if (length > BATCH_LENGTH) return count;
    }
    return most;
  }

  /** @param {string} body */
  async #deliver(body) {
    while (this.readyState === 1) {
      let wait_ms = AGAIN_MS;
      try {
        const signal = AbortSignal.timeout(REQUEST_MS);
        const { ok, status, headers } = await this.#post(`/frames?n=${this.#number}`, `Bearer ${this.#secret}`, body, signal);
        if (ok) return;
        if (status < 500 && status !== 429) {
          await sleep(AGAIN_MS); // the stream's own word on why it ended comes first
          return this.#close(1006, `frames were answered ${status}`);
        }
        wait_ms = 1000 * Number(headers.get("Retry-After")) || AGAIN_MS;
      } catch {
        // nobody answered: whether it arrived is found out by sending it again
      }
      await sleep(wait_ms);
    }
  }
}
