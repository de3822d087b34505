import { EventEmitter } from "node:events";
import type { LookupAddress } from "node:dns";
import type { Socket } from "node:net";
import { RotatingLookup } from "../../../src/rpc/client/rotating-lookup";

const ADDRESSES: LookupAddress[] = ["::1", "127.0.0.1", "127.0.0.2"].map((address) => ({ address, family: 4 }));

function open() {
  const rotating = new RotatingLookup((_name, _options, callback) => callback(null, ADDRESSES));
  const connect = (name: string, bytesRead: number) => {
    const socket = Object.assign(new EventEmitter(), { bytesRead });
    rotating.follow(name, socket as unknown as Socket);
    socket.emit("close");
  };
  const first = (name: string) => {
    const found: string[] = [];
    rotating.lookup(name, { all: true }, (_error, addresses) => {
      found.push(...(addresses as LookupAddress[]).map(({ address }) => address));
    });
    return found[0];
  };
  return { connect, first };
}

describe("The addresses of a name", () => {
  it("have another one first after each connection that brought nothing, and are in order again after one that did", () => {
    const { connect, first } = open();
    const seen = [first("w1")];
    for (const bytesRead of [0, 0, 0, 0, 9]) {
      connect("w1", bytesRead);
      seen.push(first("w1"));
    }
    expect(seen).toEqual(["::1", "127.0.0.1", "127.0.0.2", "::1", "127.0.0.1", "::1"]);
  });

  it("are remembered for the thousand names that failed last, and for no others", () => {
    const { connect, first } = open();
    connect("old", 0);
    connect("again", 0);
    for (let index = 0; index < 999; index += 1) connect(`w${index}`, 0);
    expect(first("old")).toBe("::1");
    expect(first("again")).toBe("127.0.0.1");
    connect("again", 0);
    connect("one more", 0);
    expect(first("again")).toBe("127.0.0.2");
    expect(first("w0")).toBe("::1");
  });
});
