import type { ChannelSettings, InteropChannel } from "./interop-channel";

/** A server, or the director before it, as a case sees it. */
export class InteropTarget {
  /** The channel that a case uses unless it wants another. */
  readonly client: InteropChannel;
  readonly #connect: (settings: ChannelSettings) => InteropChannel;
  readonly #channels: InteropChannel[] = [];

  /** @param connect - makes a channel of the stack that is tested */
  constructor(connect: (settings: ChannelSettings) => InteropChannel) {
    this.#connect = connect;
    this.client = this.open();
  }

  /** A channel of its own; closed with the target at the latest. */
  open(settings: ChannelSettings = {}): InteropChannel {
    const channel = this.#connect(settings);
    this.#channels.push(channel);
    return channel;
  }

  close(): void {
    for (const channel of this.#channels) channel.close();
  }
}
