/** What operators want to be logged for a while, for all servers of a cluster. */
export interface LogWishes {
  /** In place of the one before. @param text what it is, to whoever puts and gets it @param ms it is forgotten after that */
  put(text: string, ms: number): Promise<void>;
  /** Undefined: there is none, or it was forgotten. */
  get(): Promise<string | undefined>;
}
