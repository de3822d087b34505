import { HeaderList } from "../../http2/header-list";

/** How many lists are remembered: callers differ in their tokens, a caller's calls in their ids. */
const LISTS_MAX = 4;

/**
 * The same object for the same fields as one of the last few lists: its encoding is known then. Where fields differ each time, as ids do,
 * finding that out must cost less than encoding them again, so they are compared, not joined to a key; and from the end, where users'
 * own are.
 */
export class RecentLists {
  readonly #lists = new Array<HeaderList | undefined>(LISTS_MAX).fill(undefined);
  #newest = 0;

  /** The fields are not to be changed afterwards. Lists with sensitive ones are not remembered. */
  of(fields: readonly string[], sensitive: readonly string[]): HeaderList {
    if (sensitive.length > 0) return HeaderList.of(fields, sensitive);
    for (let back = 0; back < LISTS_MAX; back += 1) {
      const list = this.#lists[(this.#newest + LISTS_MAX - back) % LISTS_MAX];
      if (list !== undefined && hasFields(list, fields)) return list;
    }
    this.#newest = (this.#newest + 1) % LISTS_MAX;
    return (this.#lists[this.#newest] = HeaderList.of(fields));
  }
}

function hasFields(list: HeaderList, fields: readonly string[]): boolean {
  if (list.fields.length !== fields.length) return false;
  for (let at = fields.length - 1; at >= 0; at -= 1) if (list.fields[at] !== fields[at]) return false;
  return true;
}
