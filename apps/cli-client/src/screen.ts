/** Where lines come from and go to: a terminal that is drawn on, or a pipe. */
export interface Screen {
  /** Somebody types. */
  readonly interactive: boolean;
  /** Shows lines, each without its end; they are safe for a terminal already. */
  print(lines: readonly string[]): void;
  /** Hands to the kernel, before it returns, what was printed. */
  flush(): void;
  /** Begins to read. */
  start(input: ScreenInput): void;
  /** Names that Tab completes at the beginning of a line. */
  names: () => readonly string[];
  /** Gives the terminal back. Idempotent. */
  close(): void;
}

export interface ScreenInput {
  /** The next line is not asked for before the promise resolves. */
  onLine(line: string): Promise<void>;
  /** Nothing more comes: end of input, or Ctrl-D. */
  onEnd(): void;
  /** Ctrl-C. */
  onInterrupt(): void;
  /** The terminal was closed. */
  onGone(): void;
}
