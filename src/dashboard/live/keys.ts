import { useEffect, useRef } from "preact/hooks";

/** What keys do while nobody types and no dialog is open. By `KeyboardEvent.key`. */
export type Keys = Readonly<Record<string, (() => unknown) | undefined>>;

/** Of elements that have keys of their own: what is typed into, and buttons and links, for Enter and the arrows. */
const TYPING = "input, textarea, select";
const PRESSING = "button, a, summary, [role=textbox]";
const PRESSED = new Set(["Enter", "ArrowDown", "ArrowUp", " "]);

export function useKeys(keys: Keys): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const { target, key } = event;
      if (event.ctrlKey || event.metaKey || event.altKey || !(target instanceof Element)) return;
      // One that was closed a moment ago may still have the focus: what is pressed then is for the page.
      if (document.querySelector("dialog[open]") !== null) return;
      // Escape leaves what is typed into, too.
      if (target.closest(TYPING) !== null && key !== "Escape") return;
      if (target.closest(PRESSING) !== null && PRESSED.has(key)) return;
      const act = latest.current[key];
      if (!act) return;
      event.preventDefault();
      act();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
}
