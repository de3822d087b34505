import { useEffect, useRef, useState } from "preact/hooks";

import { perform } from "../live/perform";
import { readAuthor, writeAuthor } from "../live/preferences";
import type { DrainProgress } from "../live/rpc";
import { commandOf, wordsOf, type Action, type ActionForm } from "../model/actions";
import { CliTwin } from "./cli-twin";
import { DrainProgressView } from "./drain-progress";

type Phase =
  | { readonly kind: "asking"; readonly error: string }
  | { readonly kind: "doing"; readonly progress: DrainProgress | undefined }
  | { readonly kind: "done"; readonly result: string; readonly progress: DrainProgress | undefined };

interface ActionDialogProps {
  readonly action: Action;
  readonly directorId: string;
  readonly close: () => void;
}

/** Asks for the reason, does it, and tells how far it is. Beside it, the command that does the same. */
export function ActionDialog({ action, directorId, close }: ActionDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const abort = useRef(new AbortController());
  const [form, setForm] = useState<ActionForm>(() => firstForm(action));
  const [phase, setPhase] = useState<Phase>({ kind: "asking", error: "" });

  const words = wordsOf(action);
  const change = (part: Partial<ActionForm>) => setForm((before) => ({ ...before, ...part }));
  const isComplete = words.reason !== "required" || form.reason.trim() !== "";
  const submit = async () => {
    if (!isComplete || phase.kind !== "asking") return;
    writeAuthor(form.author.trim());
    setPhase({ kind: "doing", progress: undefined });
    let progress: DrainProgress | undefined;
    try {
      const result = await perform(directorId, action, form, abort.current.signal, (said) => {
        progress = said;
        setPhase({ kind: "doing", progress });
      });
      setPhase({ kind: "done", result, progress });
    } catch (error) {
      if (!abort.current.signal.aborted) setPhase({ kind: "asking", error: sentence(error) });
    }
  };

  useEffect(() => {
    dialog.current?.showModal();
    // Watching asks for nothing.
    if (action.kind === "watch-drain") void submit();
    return () => abort.current.abort();
  }, []);

  return (
    <dialog ref={dialog} class="action" aria-labelledby="action-title" onClose={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <h2 id="action-title">{words.title}</h2>
        <p class="muted">{words.explanation}</p>
        {phase.kind === "asking" ? (
          <Fields action={action} form={form} change={change} />
        ) : (
          <div class="outcome" role="status">
            {phase.kind === "doing" && !phase.progress && <p>Asking the director…</p>}
            {phase.progress && <DrainProgressView progress={phase.progress} />}
            {phase.kind === "done" && phase.result !== "" && <p class="good">✓ {phase.result}</p>}
          </div>
        )}
        {phase.kind === "asking" && phase.error !== "" && (
          <p class="refusal" role="alert">
            Refused: {phase.error}
          </p>
        )}
        <h3>The same on the command line</h3>
        <CliTwin command={commandOf(action, form)} />
        <div class="buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            {phase.kind === "asking" ? "Cancel" : "Close"}
          </button>
          {phase.kind === "asking" && (
            <button type="submit" class="primary" disabled={!isComplete}>
              {words.verb}
            </button>
          )}
        </div>
      </form>
    </dialog>
  );
}

interface FieldsProps {
  readonly action: Action;
  readonly form: ActionForm;
  readonly change: (part: Partial<ActionForm>) => void;
}

const DEADLINES_MINUTES = [5, 30, 120, 0];

function Fields({ action, form, change }: FieldsProps) {
  const { reason } = wordsOf(action);
  const isDrain = action.kind === "drain" || action.kind === "maintenance";
  return (
    <div class="fields">
      {action.kind === "policy" && (
        <Choice label="Policy" value={form.choice} options={action.policies} change={(choice) => change({ choice })} />
      )}
      {action.kind === "transfer" && (
        <Choice
          label="To"
          value={form.choice}
          options={["", ...action.candidates]}
          change={(choice) => change({ choice })}
        />
      )}
      {reason !== "none" && (
        <label>
          <span>Reason{reason === "required" ? "" : " (optional)"}</span>
          <input
            name="reason"
            value={form.reason}
            maxLength={512}
            required={reason === "required"}
            autoComplete="off"
            placeholder="Shown wherever the worker is"
            onInput={(event) => change({ reason: event.currentTarget.value })}
          />
        </label>
      )}
      {reason !== "none" && (
        <label>
          <span>Your name</span>
          <input
            name="author"
            value={form.author}
            maxLength={128}
            onInput={(event) => change({ author: event.currentTarget.value })}
          />
        </label>
      )}
      {isDrain && (
        <fieldset>
          <legend>Calls may go on for</legend>
          {DEADLINES_MINUTES.map((minutes) => (
            <label key={minutes} class="inline">
              <input
                type="radio"
                name="deadline"
                checked={form.deadlineMinutes === minutes}
                onChange={() => change({ deadlineMinutes: minutes })}
              />
              {minutes === 0 ? "ever" : minutes < 60 ? `${minutes} min` : `${minutes / 60} h`}
            </label>
          ))}
          <label class="inline">
            <input
              type="checkbox"
              checked={form.force}
              disabled={form.deadlineMinutes === 0}
              onChange={(event) => change({ force: event.currentTarget.checked })}
            />
            then end those that remain
          </label>
        </fieldset>
      )}
    </div>
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly value: string;
  readonly options: readonly string[];
  readonly change: (value: string) => void;
}

function Choice({ label, value, options, change }: ChoiceProps) {
  return (
    <label>
      <span>{label}</span>
      <select name="choice" value={value} onChange={(event) => change(event.currentTarget.value)}>
        {options.map((option) => (
          <option key={option} value={option}>
            {option || "any other director"}
          </option>
        ))}
      </select>
    </label>
  );
}

function firstForm(action: Action): ActionForm {
  const choice = action.kind === "policy" ? action.policy : "";
  return { reason: "", author: readAuthor(), deadlineMinutes: 30, force: false, choice };
}

function sentence(error: unknown): string {
  if (error instanceof TypeError) return "the director cannot be reached; nothing may have changed";
  return error instanceof Error ? error.message : String(error);
}
