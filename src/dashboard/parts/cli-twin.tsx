import { useState } from "preact/hooks";

/** The command that does the same, to copy. */
export function CliTwin({ command }: { readonly command: string }) {
  const [copied, setCopied] = useState("");
  const copy = () => {
    const told = (text: string) => {
      setCopied(text);
      window.setTimeout(() => setCopied(""), 2_000);
    };
    // Browsers give the clipboard to pages of https and of this machine only.
    if (!("clipboard" in navigator)) return told("select it and copy");
    navigator.clipboard.writeText(command).then(
      () => told("copied"),
      () => told("select it and copy"),
    );
  };
  return (
    <div class="twin">
      <code tabIndex={0} role="textbox" aria-readonly="true" aria-label="The same on the command line">
        {command}
      </code>
      <button type="button" class="quiet" onClick={copy} aria-label={`Copy: ${command}`}>
        <span aria-live="polite">{copied || "copy"}</span>
      </button>
    </div>
  );
}
