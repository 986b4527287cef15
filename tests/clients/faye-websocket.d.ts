// What node_client.js uses of faye-websocket, which comes without types.

declare module "faye-websocket" {
  class Client {
    constructor(url: string, protocols: string[], options: { headers: Record<string, string> });
    on(event: "close", listener: (event: { code: number; reason: string }) => void): void;
  }
  const faye: { Client: typeof Client };
  export default faye;
}
