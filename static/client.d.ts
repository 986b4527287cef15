/** The types of client/client.js, by the address at which client.js itself stands. */
export * from "./client/client.js";
