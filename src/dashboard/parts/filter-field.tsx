import type { Go } from "../live/routing";
import type { Route } from "../model/route";

/** What narrows a view down. "/" leads here, and Escape clears it. */
export function FilterField({
  what,
  hint,
  route,
  go,
}: {
  /** Such as "workers". */
  readonly what: string;
  /** What may be typed, such as "name, tag, service". */
  readonly hint: string;
  readonly route: Route;
  readonly go: Go;
}) {
  return (
    <input
      type="search"
      class="filter"
      placeholder={`Filter: ${hint}…  ( / )`}
      aria-label={`Filter the ${what}`}
      value={route.text}
      onInput={(event) => go({ text: event.currentTarget.value }, "replace")}
    />
  );
}
