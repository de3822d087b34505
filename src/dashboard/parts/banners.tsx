import { useNow, type Live } from "../live/store";
import { duration, plural } from "../model/words";

const PROBLEMS_SHOWN = 3;

/** What is wrong, in words: first with the page's own view, then with the cluster. Nothing when all is well. */
export function Banners({ live, retryNow }: { readonly live: Live; readonly retryNow: () => void }) {
  return (
    <div class="banners" role="status" aria-live="polite">
      <FeedBanner live={live} retryNow={retryNow} />
      <HealthBanner live={live} />
    </div>
  );
}

function FeedBanner({ live, retryNow }: { readonly live: Live; readonly retryNow: () => void }) {
  const now = useNow(1_000);
  const { feed, model } = live;
  if (feed.kind === "broken") {
    const others = model.cluster?.directors.filter((of) => of.directorId !== model.directorId && of.httpAddress !== "");
    return (
      <div class="banner is-bad" data-banner="feed">
        <strong>No connection: {feed.reason}.</strong> {live.heardAtMs > 0 && "What is shown is how it was. "}
        Next try in {duration(Math.ceil(Math.max(0, feed.retryAtMs - now) / 1_000) * 1_000)}.{" "}
        <button type="button" class="quiet" onClick={retryNow}>
          Try now
        </button>
        {others !== undefined && others.length > 0 && (
          <span>
            {" "}
            Other directors show the same cluster:{" "}
            {others.map((of) => (
              <a key={of.directorId} href={`${location.protocol}//${of.httpAddress}/`}>
                {of.directorId}
              </a>
            ))}
          </span>
        )}
      </div>
    );
  }
  if (model.trouble === null) return null;
  return (
    <div class="banner is-bad" data-banner="director">
      <strong>{model.directorId} does not answer:</strong> {model.trouble.message}. What is shown is how it was; it is
      asked again every second. Choose another director above to go on.
    </div>
  );
}

function HealthBanner({ live }: { readonly live: Live }) {
  const { cluster } = live.model;
  if (!cluster || cluster.health === "healthy" || cluster.health === "unknown") return null;
  const shown = cluster.problems.slice(0, PROBLEMS_SHOWN);
  const omitted = cluster.problems.length - shown.length + cluster.problemsOmitted;
  const isBad = cluster.health === "unhealthy";
  return (
    <div class={`banner ${isBad ? "is-bad" : "is-warn"}`} data-banner="health">
      <strong>{isBad ? "No worker is ready." : "The cluster is degraded."}</strong>{" "}
      <span class="problems">
        {shown.join(" · ")}
        {omitted > 0 && ` · and ${plural(omitted, "more problem")}`}
      </span>
    </div>
  );
}
