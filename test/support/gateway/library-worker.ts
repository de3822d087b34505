import { join } from "node:path";

import { CallError, type CallContext } from "../../../src/api/worker";
import { createWorker, type Worker } from "../../../src/api/worker";
import { SILENT_LOGGER } from "../../../src/core/logger";
import { Status } from "../../../src/core/status";
import { loadProtoContract, type ProtoContract } from "../../../src/wire/proto-contract";
import { mountProtoServices } from "../../../src/wire/proto-service";

/** As handlers of a contract without generated code see it. */
export interface Book {
  readonly name: string;
  readonly title: string;
  readonly isbn: string;
}

type GetBook = (request: { readonly name: string }, context: CallContext) => unknown;

/** What a test may look at, and set, of the library's handlers. */
export class Library {
  /** Runs in place of the handler of GetBook. */
  getBook: GetBook = ({ name }) => ({ name, title: `Title of ${name}` });
  /** Calls that have begun and not ended. */
  open = 0;
  /** Messages that streams of answers have handed over. */
  given = 0;
  readonly received: Book[] = [];

  readonly handlers = {
    GetBook: (request: { readonly name: string }, context: CallContext) => this.getBook(request, context),
    AddBook: (book: Book) => {
      this.received.push(book);
      return book;
    },
    ListBooks: (request: { count: number; titleBytes: number }, context: CallContext) =>
      this.#list(request, context, 0),
    WatchBooks: (request: { count: number; titleBytes: number }, context: CallContext) =>
      this.#list(request, context, context.resume?.afterSequence ?? 0),
    AddBooks: async (books: AsyncIterable<Book>) => {
      const names: string[] = [];
      await this.#during(async () => {
        for await (const { name } of books) names.push(name);
      });
      return { names };
    },
    Chat: async function* (this: void, books: AsyncIterable<Book>) {
      for await (const book of books) yield { ...book, title: `re: ${book.title}` };
    },
  };

  async *#list({ count, titleBytes }: { count: number; titleBytes: number }, context: CallContext, after: number) {
    this.open += 1;
    try {
      context.headers.set("x-shelf", "7");
      context.trailers.set("x-last", "yes");
      for (let number = after + 1; number <= count; number += 1) {
        this.given += 1;
        yield { name: String(number), title: "x".repeat(titleBytes) };
      }
      if (count === 0) await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      if (count === 13) throw new CallError(Status.ABORTED, "thirteen");
    } finally {
      this.open -= 1;
    }
  }

  async #during(run: () => Promise<void>): Promise<void> {
    this.open += 1;
    try {
      await run();
    } finally {
      this.open -= 1;
    }
  }
}

export function libraryContract(): ProtoContract {
  return loadProtoContract({ files: [join(__dirname, "library.proto")] });
}

/** A worker of the contract test/support/gateway/library.proto. */
export function libraryWorker(library: Library, label: string, directors: readonly string[]): Worker {
  const contract = libraryContract();
  return createWorker({
    env: {},
    logger: SILENT_LOGGER,
    label,
    listenAddress: "127.0.0.1:0",
    directors,
    services: mountProtoServices(contract.services, library.handlers),
    descriptors: contract.descriptorSet,
  });
}
