import { directorNow, type Live } from "../live/store";
import type { Action } from "../model/actions";
import { formatRoute, type Route } from "../model/route";
import { ago, plural } from "../model/words";

const SIGNS: Readonly<Record<string, string>> = { running: "●", starting: "◌", pending: "…", failed: "✕" };

interface AgentViewProps {
  readonly live: Live;
  readonly route: Route;
  readonly act: (action: Action) => void;
}

/** The assignments: which agents are on which workers, and why some are nowhere. */
export function AgentView({ live, route, act }: AgentViewProps) {
  const { agents } = live.model;
  const nowUnixMs = directorNow(live);
  return (
    <section class="view" aria-label="Agents">
      <div class="toolbar">
        <span class="muted">{plural(agents.length, "agent")}</span>
        <button type="button" onClick={() => act({ kind: "rebalance" })} disabled={agents.length === 0}>
          Rebalance
        </button>
      </div>
      <div class="page" tabIndex={0} role="region" aria-label="Table of agents">
        {agents.length === 0 ? (
          <p class="nothing">
            No agents. Place one with <code>heddle assignments add NAME</code>.
          </p>
        ) : (
          <table class="plain">
            <thead>
              <tr>
                <th scope="col">State</th>
                <th scope="col">Agent</th>
                <th scope="col">Worker</th>
                <th scope="col" class="wide">
                  Needs
                </th>
                <th scope="col" class="wide">
                  Moves
                </th>
                <th scope="col" class="wide">
                  Placed
                </th>
                <th scope="col">
                  <span class="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {agents.map((agent) => (
                <tr key={agent.name}>
                  <td>
                    <span class={`agent-state is-${agent.state}`} title={agent.reason}>
                      <span aria-hidden="true">{SIGNS[agent.state] ?? "·"}</span> {agent.state}
                    </span>
                    {agent.reason !== "" && agent.state !== "running" && <div class="muted small">{agent.reason}</div>}
                  </td>
                  <td>
                    <b>{agent.name}</b>
                  </td>
                  <td>
                    {agent.memberId === "" ? (
                      <span class="faint">nowhere</span>
                    ) : (
                      <a href={formatRoute({ ...route, view: "workers", workerId: agent.memberId })}>
                        {agent.memberId}
                      </a>
                    )}
                  </td>
                  <td class="wide">
                    {[...agent.services, ...(agent.match === "" ? [] : [agent.match])].map((need) => (
                      <span key={need} class="tag">
                        {need}
                      </span>
                    ))}
                  </td>
                  <td class="wide">{agent.moves}</td>
                  <td class="wide">{agent.assignedAtUnixMs === 0 ? "–" : ago(agent.assignedAtUnixMs, nowUnixMs)}</td>
                  <td>
                    <button
                      type="button"
                      class="quiet"
                      aria-label={`Release ${agent.name}`}
                      onClick={() => act({ kind: "release-agent", agent: agent.name })}
                    >
                      Release
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </div>
    </section>
  );
}
