/**
 * The client library by its plain address: what client/client.js exports.
 * @module
 */

export {
  AfterClose,
  Chat,
  ChatError,
  CloseCode,
  HttpError,
  OutboxFullError,
  RequestError,
  adviceFor,
} from "./client/client.js";
