import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { bufCurl, bufListMethods } from "../support/buf-curl";
import { Cluster, type Started } from "../support/cluster";
import { freeAddress } from "../support/processes";

jest.setTimeout(60_000);

/** What a user has: a contract of two files, and functions. */
const FILES: Readonly<Record<string, string>> = {
  "shared/library/v1/book.proto": `syntax = "proto3"; package library.v1;
    message Book { string title = 1; Shelf shelf = 2; enum Shelf { SHELF_UNSPECIFIED = 0; SHELF_HIGH = 1; } }`,
  "my.proto": `syntax = "proto3"; package library.v1;
    import "library/v1/book.proto";
    service LibraryService {
      rpc Find(FindRequest) returns (Book);
      rpc Browse(FindRequest) returns (stream Book);
      rpc Donate(stream Book) returns (Receipt);
      rpc Swap(stream Book) returns (stream Book);
    }
    message FindRequest { string title = 1; int32 copies = 2; }
    message Receipt { int64 books = 1; }`,
  "my.js": `
    exports.find = ({ title }, context) => {
      if (title === "") throw Object.assign(new Error("which book?"), { status: "INVALID_ARGUMENT" });
      return { title: title.toUpperCase() + " for " + context.path, shelf: "SHELF_HIGH" };
    };
    exports.browse = async function* ({ title, copies }) {
      for (let copy = 1; copy <= copies; copy += 1) yield { title: title + " " + copy };
    };
    exports.donate = async (books) => {
      let count = 0;
      for await (const _ of books) count += 1;
      return { books: count };
    };
    exports.swap = async function* (books) {
      for await (const { title } of books) yield { title: [...title].reverse().join("") };
    };`,
  "my.mjs": `
    export const LibraryService = {
      Find: () => ({ title: "from a module" }),
      async *Browse() {}, async Donate() { return {}; }, async *Swap() {},
    };`,
  "half.js": "exports.find = () => ({}); exports.browse = async function* () {};",
  "throws.js": 'throw new Error("no database");',
  "broken.proto":
    'syntax = "proto3";\npackage broken.v1;\nservice BrokenService {\n  rpc Find(FindRequest) gives (Book);\n}\n',
  "unserved.proto": 'syntax = "proto3"; package unserved.v1; message Nothing {}',
};

const PROTO = ["worker", "--proto", "my.proto", "--include", "shared"];

/** Where the handlers run. */
const PLACES = [
  { place: "on the main thread", threads: "0" },
  { place: "in threads", threads: "2" },
];

let cluster: Cluster;
let director: Started;

beforeAll(async () => {
  cluster = await Cluster.open("the embedded store");
  const folder = await cluster.processes.folder;
  for (const [name, text] of Object.entries(FILES)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  director = await cluster.director();
});

afterAll(async () => {
  await cluster.close();
});

describe.each(PLACES)("heddle worker --proto my.proto --handlers ./my.js, $place", ({ threads }) => {
  const env = { WORKER_THREADS: threads };
  let library: Started;

  beforeAll(async () => {
    library = await cluster.worker("library", { args: [...PROTO, "--handlers", "./my.js"], env });
    await cluster.whenReady(cluster.connect(), ["library"]);
  });

  afterAll(async () => {
    await library.process.stop();
  });

  const call = (method: string, ...requests: object[]) =>
    bufCurl(director.address, `library.v1.LibraryService/${method}`, ...requests);

  it("R-10 serves a contract without generated code: listed and described by the director, imports included", async () => {
    const methods = await bufListMethods(director.address);
    expect(methods.filter((method) => method.startsWith("library"))).toEqual([
      "library.v1.LibraryService/Browse",
      "library.v1.LibraryService/Donate",
      "library.v1.LibraryService/Find",
      "library.v1.LibraryService/Swap",
    ]);
  });

  it("answers all four kinds of call through the director", async () => {
    const found = await call("Find", { title: "emma" });
    expect(found.answers).toEqual([{ title: "EMMA for /library.v1.LibraryService/Find", shelf: "SHELF_HIGH" }]);
    const browsed = await call("Browse", { title: "Emma", copies: 3 });
    expect(browsed.answers).toEqual([{ title: "Emma 1" }, { title: "Emma 2" }, { title: "Emma 3" }]);
    const donated = await call("Donate", { title: "a" }, { title: "b" });
    expect(donated.answers).toEqual([{ books: "2" }]);
    const swapped = await call("Swap", { title: "abc" }, { title: "xyz" });
    expect(swapped.answers).toEqual([{ title: "cba" }, { title: "zyx" }]);
  });

  it("gives the status of an error that a handler throws, without a Heddle class to import", async () => {
    const { code, text } = await call("Find", {});
    expect(code).not.toBe(0);
    expect(text).toContain("which book?");
    expect(text).toContain("invalid_argument");
  });

  it("takes handlers from an ECMAScript module, in an object named like the service", async () => {
    const other = await cluster.worker("module", { args: [...PROTO, "--handlers", "my.mjs"], env });
    await cluster.whenReady(cluster.connect(), ["library", "module"]);
    const { answers } = await bufCurl(other.address, "library.v1.LibraryService/Find", { title: "any" });
    expect(answers).toEqual([{ title: "from a module" }]);
    expect(await other.process.stop()).toEqual({ code: 0, signal: null });
  });

  it.each([
    {
      mistake: "handlers that are missing",
      args: [...PROTO, "--handlers", "half.js"],
      says: /no function for library\.v1\.LibraryService\/Donate, library\.v1\.LibraryService\/Swap/,
    },
    {
      mistake: "a handlers module that throws",
      args: [...PROTO, "--handlers", "throws.js"],
      says: /--handlers throws\.js cannot be loaded: .*no database/,
    },
    {
      mistake: "a handlers module that is not there",
      args: [...PROTO, "--handlers", "gone.js"],
      says: /--handlers gone\.js cannot be loaded: .*gone\.js/,
    },
    {
      mistake: "a syntax error, with its line",
      args: ["worker", "--proto", "broken.proto", "--handlers", "my.js"],
      says: /broken\.proto:4: .*gives/,
    },
    {
      mistake: "a contract that is not there",
      args: ["worker", "--proto", "gone.proto", "--handlers", "my.js"],
      says: /the contract "gone\.proto" does not exist/,
    },
    {
      mistake: "an import that is not found, with what to do",
      args: ["worker", "--proto", "my.proto", "--handlers", "my.js"],
      says: /my\.proto:2: the import "library\/v1\/book\.proto" is in none of the include folders: .*--include/,
    },
    {
      mistake: "a contract without a service",
      args: ["worker", "--proto", "unserved.proto", "--handlers", "my.js"],
      says: /no service is declared in unserved\.proto/,
    },
    {
      mistake: "a contract without handlers",
      args: PROTO,
      says: /--proto and --handlers go together/,
    },
    {
      mistake: "an option that does not exist",
      args: [...PROTO, "--handler", "my.js"],
      says: /unknown option '--handler'/,
    },
  ])("refuses $mistake, in one line and with exit code 2", async ({ args, says }) => {
    const own = { DIRECTOR_ADDR: director.address, WORKER_ADDR: await freeAddress(), WORKER_LABEL: "mistaken" };
    const program = await cluster.processes.heddle("heddle", { args, env: { ...own, ...env } });
    expect(await program.whenExited()).toEqual({ code: 2, signal: null });
    expect(program.output).toMatch(says);
    expect(program.output).not.toMatch(/^\s+at /m);
  });
});
