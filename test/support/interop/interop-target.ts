import { credentials, type ChannelCredentials, type ChannelOptions } from "@grpc/grpc-js";

import { GrpcJsClient } from "./grpc-js-client";

/** A server, or the director before it, as a case sees it. */
export class InteropTarget {
  /** The channel that a case uses unless it wants another. */
  readonly client: GrpcJsClient;
  readonly #address: string;
  readonly #credentials: ChannelCredentials;
  readonly #clients: GrpcJsClient[] = [];

  /** @param channelCredentials default: plain text */
  constructor(address: string, channelCredentials: ChannelCredentials = credentials.createInsecure()) {
    this.#address = address;
    this.#credentials = channelCredentials;
    this.client = this.open();
  }

  /** A channel of its own; closed with the target at the latest. */
  open(options: ChannelOptions = {}): GrpcJsClient {
    const client = new GrpcJsClient(this.#address, this.#credentials, options);
    this.#clients.push(client);
    return client;
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}
