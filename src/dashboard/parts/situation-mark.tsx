import type { Situation } from "../model/situation";

/** A shape for each, so that no meaning is in the colour alone. */
const SHAPES: Readonly<Record<Situation, string>> = {
  ready: "M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3Z",
  full: "M3 3h10v10H3Z",
  standby: "M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3Zm0 2a3 3 0 1 1 0 6 3 3 0 0 1 0-6Z",
  joining: "M3 7h2v2H3Zm4 0h2v2H7Zm4 0h2v2h-2Z",
  suspect: "M8 2 15 14H1Zm-1 4v4h2V6Zm0 5v2h2v-2Z",
  unready: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm-1 2h2v5H7Zm0 6h2v2H7Z",
  draining: "M7 2h2v6h3l-4 4-4-4h3ZM3 13h10v2H3Z",
  cordoned: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2ZM4 7h8v2H4Z",
  maintenance: "M8 1.5 14.5 8 8 14.5 1.5 8Z",
  gone: "m4.2 2.8 3.8 3.8 3.8-3.8 1.4 1.400L9.4 8l3.8 3.8-1.4 1.400L8 9.400l-3.8 3.8-1.4-1.400L6.6 8 2.8 4.200Z",
};

export const SITUATION_WORDS: Readonly<Record<Situation, string>> = {
  ready: "ready",
  full: "full",
  standby: "standby",
  joining: "joining",
  suspect: "suspect",
  unready: "not ready",
  draining: "draining",
  cordoned: "cordoned",
  maintenance: "maintenance",
  gone: "gone",
};

export function SituationIcon({ situation }: { readonly situation: Situation }) {
  return (
    <svg class={`icon is-${situation}`} viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      <path d={SHAPES[situation]} fill="currentColor" fill-rule="evenodd" />
    </svg>
  );
}

export function SituationMark({ situation, word }: { readonly situation: Situation; readonly word?: string }) {
  return (
    <span class={`mark is-${situation}`}>
      <SituationIcon situation={situation} />
      <span>{word ?? SITUATION_WORDS[situation]}</span>
    </span>
  );
}
