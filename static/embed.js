/**
 * A chat in any page by one tag (docs/embed.md), at `/embed.js`. What it needs is imported from where it may be kept
 * for good; this file says where that is, and which service it came from.
 * @module
 */

import { mountAt, mountTags } from "./embed/mount.js";

/** @import { Mounted, MountOptions } from "./embed/mount.js" */

const service = new URL("/", import.meta.url).href;

/** @type {(place: Element, options: MountOptions) => Mounted} */
export const mount = (place, options) => mountAt(service, place, options);

mountTags(service);
