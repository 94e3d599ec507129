/** An operator's temporary wishes for the log of all servers of a cluster. */
export interface LogWishes {
  /** Replaces the wish. @param text opaque to the store @param ms the wish is forgotten after this time */
  put(text: string, ms: number): Promise<void>;
  /** Undefined: there is no wish, or it was forgotten. */
  get(): Promise<string | undefined>;
}
