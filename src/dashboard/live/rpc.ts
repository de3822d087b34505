import { readParts, refusalOf } from "./event-stream";

/** A service of the fabric, as JSON over the director's HTTP port. */
const DIRECTOR_SERVICE = "heddle.v1.DirectorService";
const AGENT_SERVICE = "heddle.v1.AgentService";

const ANSWER_TIMEOUT_MS = 15_000;

function request(directorId: string, body: object, accept: string): RequestInit {
  const headers: Record<string, string> = { "content-type": "application/json", accept };
  if (directorId !== "") headers["heddle-director"] = directorId;
  return { method: "POST", headers, body: JSON.stringify(body) };
}

async function call<Answer>(service: string, directorId: string, method: string, body: object): Promise<Answer> {
  const response = await fetch(`${service}/${method}`, {
    ...request(directorId, body, "application/json"),
    signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
  });
  if (!response.ok) throw new Error(await refusalOf(response));
  return (await response.json()) as Answer;
}

/** Asks the director of this id; "" is the one that serves the page. @throws Error with what the director says */
export function callDirector<Answer = unknown>(directorId: string, method: string, body: object): Promise<Answer> {
  return call(DIRECTOR_SERVICE, directorId, method, body);
}

export function callAgents<Answer = unknown>(directorId: string, method: string, body: object): Promise<Answer> {
  return call(AGENT_SERVICE, directorId, method, body);
}

/** As DrainMemberResponse, in JSON, where what has its default is absent. */
export interface DrainProgress {
  readonly phase?: string;
  readonly inFlight?: number;
  readonly measuredBy?: string;
  readonly elapsedMs?: string;
  readonly deadlineUnixMs?: string;
  readonly detail?: string;
}

/** One line of a stream: a message, the end, or how it failed. */
interface DrainLine {
  readonly result?: DrainProgress;
  readonly error?: { readonly message?: string };
}

/** Begins a drain, or watches one, and tells how far it is until it is over or `signal` aborts, which does not end the drain. */
export async function drain(
  directorId: string,
  body: object,
  signal: AbortSignal,
  tell: (progress: DrainProgress) => void,
): Promise<void> {
  const init = { ...request(directorId, body, "application/x-ndjson"), signal };
  for await (const line of readParts(`${DIRECTOR_SERVICE}/DrainMember`, init, "\n")) {
    if (line.trim() === "") continue;
    const { result, error } = JSON.parse(line) as DrainLine;
    if (error !== undefined) throw new Error(error.message ?? "the drain cannot be watched any more");
    if (result !== undefined) tell(result);
  }
}
