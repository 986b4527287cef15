/** The emoji of emoji-en.js, a line each; tests/javascript/vendor.js says what stands in one. */
export const table: string;
