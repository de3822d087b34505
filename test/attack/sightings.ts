/** What an attacker saw of its target: its answers are how a limit shows from outside. */
export class Sightings {
  connections = 0;
  /** Ended by the target. */
  ended = 0;
  sentBytes = 0;
  /** "GOAWAY 11", "RST 8", "grpc-status 13", ":status 415": how often each was seen. */
  readonly answers = new Map<string, number>();

  note(answer: string): void {
    this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1);
  }

  toJSON(): SeenByAttacker {
    const { connections, ended, sentBytes, answers } = this;
    return { connections, ended, sentBytes, answers: Object.fromEntries(answers) };
  }
}

/** As the attacker's process reports it. */
export interface SeenByAttacker {
  readonly connections: number;
  readonly ended: number;
  readonly sentBytes: number;
  readonly answers: Readonly<Record<string, number>>;
}
