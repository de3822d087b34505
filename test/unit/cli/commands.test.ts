import { readFileSync } from "node:fs";
import { join } from "node:path";

import { CallError, FabricError } from "../../../src/core/errors";
import { Status } from "../../../src/core/status";
import { cliPage, leavesOf } from "../../../scripts/cli-page";
import { EXAMPLES, WITHOUT_EXAMPLE } from "../../support/cli/examples";
import { Lines } from "../../support/cli/lines";
import { programForTests, runCommand } from "../../support/cli/run-command";
import { sampleCluster, type DirectorHandlers } from "../../support/cli/sample-cluster";
import { SAMPLE_MEMBERS, sampleMember } from "../../support/cli/sample-members";
import { ROOT } from "../../support/source-files";

/** Standard output alone, as one text. */
const printed = async (...args: string[]) => {
  const terminal = new Lines();
  const [code] = await runCommand(args, { terminal });
  return [code, terminal.printed] as const;
};

describe("The command line", () => {
  it("is what docs/cli.md says: help, output and JSON of every command", async () => {
    expect(await cliPage()).toBe(readFileSync(join(ROOT, "docs/cli.md"), "utf8"));
  });

  it("every command has an example there, or a reason to have none", () => {
    const paths = leavesOf(programForTests(), []).map(({ path }) => path.join(" "));
    const shown = EXAMPLES.map(({ args }) => args.join(" "));
    const without = paths.filter((path) => !shown.some((args) => `${args} `.startsWith(`${path} `)));
    expect(without.filter((path) => !WITHOUT_EXAMPLE.has(path))).toEqual([]);
  });

  it("--json is JSON and nothing else, of every command that ends", async () => {
    const withJson = EXAMPLES.filter(
      ({ args, endless }) => !endless && !args.includes("--quiet") && args[1] !== "drain",
    );
    for (const { args, env } of withJson) {
      const terminal = new Lines();
      const [code] = await runCommand([...args, "--json"], { terminal, ...(env ? { env } : {}) });
      const parsed = JSON.parse(terminal.printed) as unknown;
      expect([args.join(" "), code, typeof parsed]).toEqual([args.join(" "), 0, "object"]);
    }
  });

  it.each([
    ["ComputeService/Execute", "heddle.compute.v1.ComputeService/Execute"],
    ["/ComputeService", "heddle.compute.v1.ComputeService"],
    ["Service/Execute", "Service/Execute"],
  ])("explains %s as %s: the end of a name that no other service has will do", async (given, method) => {
    const [, text] = await printed("explain", given, "--json");
    expect(JSON.parse(text)).toMatchObject({ method });
  });

  it.each([
    ["0: done", {}, ["nodes", "ls"], 0],
    ["1: failed", { setIntent: fails(Status.UNAVAILABLE) }, ["nodes", "cordon", "gpu-1"], 1],
    ["1: no leader to take over", { transferLeadership: fails(Status.FAILED_PRECONDITION) }, ["leader", "transfer"], 1],
    ["1: a director that is too old", { getStats: fails(Status.UNIMPLEMENTED) }, ["status"], 1],
    ["2: refused by the director", { listMembers: fails(Status.INVALID_ARGUMENT) }, ["nodes", "ls"], 2],
    ["2: a command that there is not", {}, ["nodes", "explode"], 2],
    ["2: a flag that there is not", {}, ["nodes", "ls", "--frobnicate"], 2],
    ["2: an argument too few", {}, ["nodes", "show"], 2],
    ["2: an argument too many", {}, ["nodes", "ls", "gpu-1"], 2],
    ["2: a time that is none", {}, ["nodes", "ls", "--timeout", "soon"], 2],
    ["2: a state that there is not", {}, ["nodes", "ls", "--state", "alife"], 2],
    ["2: a kind of event that there is not", {}, ["events", "tail", "--kind", "node-faild"], 2],
    ["2: a revision that is none", {}, ["events", "tail", "--since", "yesterday"], 2],
    ["2: a policy that there is not", {}, ["balance", "set", "fastest"], 2],
    ["2: a role that there is not", {}, ["config", "boss"], 2],
    ["2: a shell that is not known", {}, ["completion", "tcsh"], 2],
    ["2: half an argument of an agent", {}, ["assignments", "add", "x", "--param", "depth"], 2],
    ["2: moves that are no number", {}, ["assignments", "rebalance", "--max", "all"], 2],
    ["2: a beginning of several ids", {}, ["nodes", "show", "gpu"], 2],
    ["2: nobody to be asked", {}, ["nodes", "rm", "gpu-1"], 2],
    ["3: no such node", {}, ["nodes", "show", "database-1"], 3],
    ["3: gone while it was asked for", { getMember: fails(Status.NOT_FOUND) }, ["nodes", "show", "gpu-1"], 3],
    ["3: no such assignment", {}, ["assignments", "show", "crawler"], 3],
    ["3: nothing of this id", {}, ["status", "nothing"], 3],
    ["3: nobody leads", { getLeader: () => ({}) }, ["leader"], 3],
    ["4: not allowed", { setIntent: fails(Status.PERMISSION_DENIED) }, ["nodes", "cordon", "gpu-1"], 4],
    ["4: not known", { listMembers: fails(Status.UNAUTHENTICATED) }, ["nodes", "ls"], 4],
    ["5: no answer in time", { listMembers: () => new Promise(() => {}) }, ["nodes", "ls", "--timeout", "2s"], 5],
  ] as [string, Partial<DirectorHandlers>, string[], number][])(
    "exit code %s",
    async (_claim, handlers, args, expected) => {
      const [code, ...lines] = await runCommand(args, { cluster: sampleCluster(handlers) });
      const isSaid = expected === 0 || /^! Try: \S/.test(lines.at(-1) ?? "");
      expect([code, isSaid, lines.at(-1)]).toEqual([expected, true, lines.at(-1)]);
    },
  );

  it("a misspelt command, state or id names the one that was meant", async () => {
    const cases = [
      [["nodes", "darin", "gpu-1"], "(Did you mean drain?)"],
      [["nodes", "ls", "--state", "alife"], "did you mean alive?"],
      [["nodes", "show", "gpu-3"], "did you mean gpu-1?"],
      [["balance", "set", "peak-ewwa"], "did you mean peak-ewma?"],
    ] as const;
    for (const [args, hint] of cases) {
      const [, ...lines] = await runCommand(args);
      expect(lines.join("\n")).toContain(hint);
    }
  });

  it("rm asks, and does it for a yes alone; --yes does not ask", async () => {
    const removed: string[] = [];
    const cluster = () => sampleCluster({ removeMember: ({ memberId }) => (removed.push(memberId), {}) });
    const answered = async (answer: string, ...more: string[]) => {
      const terminal = new Lines({ answer });
      const [code, ...lines] = await runCommand(["nodes", "rm", "web-3", ...more], { cluster: cluster(), terminal });
      return [code, lines[0], removed.length];
    };
    const question = "! web-3 (dead, 0 calls in flight) would be forgotten. Go on? [y/N] ";
    expect(await answered("")).toEqual([1, question, 0]);
    expect(await answered("no")).toEqual([1, question, 0]);
    expect(await answered("y")).toEqual([0, question, 1]);
    expect((await answered("", "--yes"))[2]).toBe(2);
    expect(removed).toEqual(["web-3", "web-3"]);
  });

  it("status takes an id or a beginning of one, of whatever it is", async () => {
    expect((await printed("status", "gpu-2"))[1]).toMatch(/^node {7}gpu-2 {2}full\n/);
    expect((await printed("status", "director-1"))[1]).toMatch(/^director {2}director-1 {2}leader/);
    expect((await printed("status", "mail"))[1]).toMatch(/^assignment {2}mailer\n/);
    const [code, ...lines] = await runCommand(["status", "web"]);
    expect([code, lines[0]]).toEqual([
      2,
      '! error: "web" is the beginning of 4 nodes, directors and assignments: web-1, web-2, web-3, web-4',
    ]);
  });

  it("a full node and one that is gone do not look alike, with colours or without", async () => {
    const [, table] = await printed("nodes", "ls");
    const of = (id: string) => table.split("\n").find((line) => line.startsWith(id)) ?? "";
    expect([/ full /.test(of("gpu-2")), / gone /.test(of("web-3"))]).toEqual([true, true]);
    const terminal = new Lines({ coloured: true });
    await runCommand(["nodes", "ls"], { terminal });
    const colourOf = (id: string) => terminal.lines.find((line) => line.includes(id))?.slice(0, 5);
    expect([colourOf("gpu-2"), colourOf("web-3")]).toEqual(["\u001b[33m", "\u001b[31m"]);
  });

  it("ls gives the nodes that were asked for, or their ids alone", async () => {
    expect(await printed("nodes", "ls", "--quiet", "--state", "full,gone")).toEqual([0, "gpu-2\nweb-3"]);
    expect(await printed("nodes", "ls", "--quiet", "--match", "gpu=true")).toEqual([0, "gpu-1\ngpu-2"]);
    expect(await printed("nodes", "ls", "--role", "gateway")).toEqual([0, "no such nodes"]);
    expect((await printed("nodes", "ls", "--verbose"))[1]).toMatch(/P99 .* TAGS +SERVICES/);
  });

  it("what nodes say of themselves cannot steer the terminal", async () => {
    const evil = sampleMember("gpu-1", 11, {
      label: "a\u001b[2Jb\nc",
      tags: { note: "\u202egnp.exe" },
      notReadyReason: "joining: \u001b]0;owned\u0007",
    });
    const cluster = sampleCluster({
      listMembers: () => ({ members: [evil] }),
      getMember: () => ({ member: evil }),
      getStats: () => ({}),
    });
    for (const args of [
      ["nodes", "ls", "--verbose"],
      ["nodes", "show", "gpu-1"],
    ]) {
      const [, ...lines] = await runCommand(args, { cluster });
      // eslint-disable-next-line no-control-regex -- these are what must not come through
      expect(lines.filter((line) => /[\u0000-\u001f\u007f-\u009f\u202e]/.test(line))).toEqual([]);
      expect(lines.join("\n")).toContain("\\u{1b}");
    }
  });

  it("errors of a director are made printable too", async () => {
    const listMembers = () => {
      throw new CallError(Status.UNAVAILABLE, "away\u001b[31m");
    };
    const [code, ...lines] = await runCommand(["nodes", "ls"], { cluster: sampleCluster({ listMembers }) });
    expect([code, lines.join("\n").includes("\u001b")]).toEqual([1, false]);
  });

  it("a narrow terminal gets fewer columns and no line that is too long; a pipe gets everything", async () => {
    const whole = (await printed("nodes", "ls"))[1].split("\n");
    expect(whole[0]).toContain("WHY NOT");
    for (const columns of [100, 70, 50]) {
      const terminal = new Lines({ columns });
      await runCommand(["nodes", "ls"], { terminal });
      const tooLong = terminal.lines.filter((line) => line.length > columns);
      expect([columns, tooLong, terminal.lines.length]).toEqual([columns, [], SAMPLE_MEMBERS.length + 1]);
    }
  });
});

function fails(status: Status): () => never {
  return () => {
    throw new CallError(status, "as the test wants it");
  };
}

describe("A command that fails", () => {
  it("throws what is no failure of the cluster: a bug is not dressed up", async () => {
    const cluster = sampleCluster();
    const operator = {
      ...cluster.operator,
      listMembers: () => {
        throw new TypeError("a bug");
      },
    };
    await expect(runCommand(["nodes", "ls"], { cluster: { ...cluster, operator } })).rejects.toThrow("a bug");
  });

  it("says which directors it tried, and how to name others", async () => {
    const cluster = sampleCluster();
    const unreachable = () => Promise.reject(new FabricError("DIRECTOR_UNREACHABLE", "no director answers: a:1"));
    const operator = { ...cluster.operator, listMembers: unreachable };
    const [code, ...lines] = await runCommand(["nodes", "ls"], { cluster: { ...cluster, operator } });
    expect([code, ...lines]).toEqual([
      1,
      "! error: [DIRECTOR_UNREACHABLE] no director answers: a:1",
      "! Try: heddle director, or name one that runs: --directors host:port (DIRECTOR_ADDR)",
    ]);
  });
});
