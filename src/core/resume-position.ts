import type { CallMetadata } from "./call-metadata";
import { FabricError } from "./errors";
import { CHECKPOINT_MAX_BYTES } from "./checkpoint";
import { HEDDLE_KEYS } from "./heddle-metadata";

/** Where in a stream of answers somebody is, and what is needed to go on from there. */
export interface ResumePosition {
  /** Messages that the caller has; the first has the number 1. */
  readonly afterSequence: number;
  /** The latest that came with one of them. */
  readonly checkpoint: Uint8Array | undefined;
  /** The number of the message that it came with, at most `afterSequence`; 0 without one. */
  readonly checkpointSequence: number;
}

export const BEGINNING: ResumePosition = { afterSequence: 0, checkpoint: undefined, checkpointSequence: 0 };

/** All keys by which a position travels. */
const POSITION_KEYS = [HEDDLE_KEYS.resumeAfter, HEDDLE_KEYS.resumeCheckpoint, HEDDLE_KEYS.checkpointAfter] as const;

/**
 * The position that a request names; BEGINNING when it names none.
 * @throws FabricError INVALID_ARGUMENT, which names the key, the value and the remedy
 */
export function positionOf(metadata: CallMetadata): ResumePosition {
  const after = metadata.text(HEDDLE_KEYS.resumeAfter);
  if (after === undefined) return BEGINNING;
  const afterSequence = sequenceOf(after);
  if (afterSequence === undefined) {
    throw invalid(HEDDLE_KEYS.resumeAfter, after, "send the number of the last message you have, as in 41");
  }
  const checkpoint = bytesOf(metadata, HEDDLE_KEYS.resumeCheckpoint);
  if (checkpoint === undefined || checkpoint.length === 0) return { ...BEGINNING, afterSequence };
  if (checkpoint.length > CHECKPOINT_MAX_BYTES) {
    const what = `${checkpoint.length} bytes`;
    throw invalid(HEDDLE_KEYS.resumeCheckpoint, what, `a checkpoint has at most ${CHECKPOINT_MAX_BYTES} bytes`);
  }
  const came = metadata.text(HEDDLE_KEYS.checkpointAfter);
  const checkpointSequence = came === undefined ? afterSequence : sequenceOf(came);
  if (checkpointSequence === undefined || checkpointSequence > afterSequence) {
    const remedy = `send the number of the message that the checkpoint came with, at most ${afterSequence}`;
    throw invalid(HEDDLE_KEYS.checkpointAfter, came ?? "", remedy);
  }
  return { afterSequence, checkpoint, checkpointSequence };
}

/** Says in `metadata`, which is the caller's own, where to go on, in place of what it said before. */
export function setPosition(metadata: CallMetadata, position: ResumePosition): void {
  for (const key of POSITION_KEYS) metadata.delete(key);
  if (position.afterSequence === 0) return;
  metadata.append(HEDDLE_KEYS.resumeAfter, String(position.afterSequence));
  if (position.checkpoint === undefined) return;
  metadata.append(HEDDLE_KEYS.resumeCheckpoint, position.checkpoint);
  metadata.append(HEDDLE_KEYS.checkpointAfter, String(position.checkpointSequence));
  // Different for each call: it would only push what is of use out of the tables of HPACK.
  metadata.markSensitive(HEDDLE_KEYS.resumeCheckpoint);
}

/** What a count of messages in metadata says; undefined when it is none. */
export function sequenceOf(text: string): number | undefined {
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}

/** A relay has the text of "-bin" values as it came. */
function bytesOf(metadata: CallMetadata, key: string): Uint8Array | undefined {
  const text = metadata.text(key);
  return text === undefined ? metadata.bytes(key) : Buffer.from(text, "base64");
}

function invalid(key: string, value: string, remedy: string): FabricError {
  return new FabricError("INVALID_ARGUMENT", `${key} is ${JSON.stringify(value.slice(0, 32))}: ${remedy}`);
}
