/** An older or foreign name of a setting, read when the setting's own name is unset. */
export interface Alias {
  readonly name: string;
  /** Turns the foreign value into ours; undefined means that it says nothing we use, which is the same as unset. */
  readonly adapt?: (text: string) => string | undefined;
}

/** One thing that can be set: where it is read from, what it accepts, what it means. */
export interface Setting<T> {
  /** The environment variable. */
  readonly name: string;
  /** Read in this order, after `name`. */
  readonly aliases: readonly Alias[];
  /** Used when neither an option nor the environment sets it. Need not be a value that one may set. */
  readonly defaultValue: T;
  /** The default as the documentation shows it. */
  readonly defaultText: string;
  /** Ends the sentence "… must be"; one phrase for bounds, unit and form. */
  readonly accepts: string;
  readonly doc: string;
  /** Undefined when the text is not of the form. The bounds are left to `isValid`. */
  read(text: string): T | undefined;
  isValid(value: T): boolean;
}

// The element type of a table is irrelevant here, and `unknown` would not accept a Setting<number> (isValid takes a T).
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type SettingsTable = Readonly<Record<string, Setting<any>>>;

/** What `load` makes of a table: read-only, complete, in bounds. */
export type Config<Table extends SettingsTable> = {
  readonly [Key in keyof Table]: Table[Key] extends Setting<infer Value> ? Value : never;
};

/** Values given in code, which win over the environment. Undefined means not given. */
export type Options<Table extends SettingsTable> = { readonly [Key in keyof Table]?: Config<Table>[Key] | undefined };

/** An environment such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What every kind of setting takes, beside its bounds. */
export interface Entry<T> {
  readonly default: T;
  readonly doc: string;
  readonly aliases?: readonly Alias[];
  /** What being unset means, where the default value alone does not say it: "no bound". */
  readonly unset?: string;
}
