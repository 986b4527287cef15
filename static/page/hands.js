/**
 * The parts of the page that wait for somebody to do something, in one file.
 * @module
 */

export { AboutDialog } from "./aboutdialog.js";
export { showHelp } from "./help.js";
export { openLayer } from "./overlay.js";
export { openModeration } from "./moderation.js";
export { offersFor } from "./offers.js";
export { askToRemove } from "./removal.js";
export { Queue } from "./queue.js";
export { Rename } from "./rename.js";
export { openRoomMenu } from "./roommenu.js";
export { showSettings } from "./settings.js";
export { askToSignOut } from "./signout.js";
export { toggleSwitcher } from "./switcher.js";
export { Tools } from "./tools.js";
