import { useEffect, useRef } from "preact/hooks";

const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ["1 – 6", "the views, in their order"],
  ["j  k", "the next worker, the one before"],
  ["Enter", "the details of the worker"],
  ["Escape", "close what is open, then clear the filter"],
  ["/", "filter"],
  ["d  c  m  s  r", "drain, cordon, maintenance, standby, resume: of the worker whose details are open"],
  ["t", "the colours: of the system, light, dark"],
  ["?", "this"],
];

export function HelpDialog({ close }: { readonly close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-title" onClose={close}>
      <h2 id="help-title">Keys</h2>
      <dl class="keys">
        {KEYS.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p class="muted">
        The address of the page says what it shows: a link to it shows another person the same. Whoever can open this
        page can do all that is on it.
      </p>
      <div class="buttons">
        <button type="button" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </div>
    </dialog>
  );
}
