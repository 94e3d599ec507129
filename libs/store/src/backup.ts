/** A copy of all that an embedded store holds. */
export interface Backup {
  readonly folder: string;
  readonly records: number;
  /** Keys and values, before LevelDB packs them. */
  readonly bytes: number;
}

/** What reading all of a data folder has shown. */
export interface Verified {
  readonly folder: string;
  readonly accounts: number;
  readonly streams: number;
  /** One line for each fault, with the stream that it is in. */
  readonly problems: readonly string[];
}
