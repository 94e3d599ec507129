import type { Change, Spoken } from './window/entry.ts';

/** Where lines come from and go to: a terminal that is drawn on, or a pipe. */
export interface Screen {
  /** Somebody types. */
  readonly interactive: boolean;
  /** It has an area for each conversation, and changes what it has shown. */
  readonly full: boolean;
  /** The conversation that a text without a recipient goes to: `u<userId>` or `g<groupId>`. */
  readonly here: string;
  /** Makes it another one. */
  go(conversation: string, title: string): void;
  /**
   * Shows lines, each without its end; they are safe for a terminal already.
   * @param placed which conversation they belong to; without it, to the one that is seen
   */
  print(lines: readonly string[], placed?: Placed): void;
  /** Takes what the server knows of a conversation. Screens without areas need nothing of it. */
  learn(place: Place, facts: Facts): void;
  /** Hands to the kernel, before it returns, what was printed. */
  flush(): void;
  /** Tells what the status row shows: whether the client is connected, and its user. */
  status(online: boolean): void;
  /**
   * Asks for something that the screen does not show. Undefined: the person did not want to say it.
   * @throws {CimError} nobody is there to be asked
   */
  askSecret(question: string): Promise<string | undefined>;
  /** Begins to read. */
  start(input: ScreenInput): void;
  /** Names that Tab completes. */
  names: () => readonly string[];
  /** Gives the terminal back. Idempotent. */
  close(): void;
}

/** Where something belongs that is printed, and what it is. A screen without areas needs nothing of it. */
export interface Placed extends Place {
  /** A message. Without one the lines are a remark, unless `change` finds its message. */
  readonly message?: Spoken;
  readonly change?: Change;
}

/** A conversation, and what people call it. */
export interface Place {
  readonly conversation: string;
  readonly title: string;
}

/** What the server knows of a conversation. */
export interface Facts {
  /** How many messages are unread, up to the message `n`. */
  readonly unread?: { readonly count: number; readonly n: number };
  /** A page of its messages, oldest first, and whether there are older ones. */
  readonly page?: { readonly items: readonly Spoken[]; readonly more: boolean };
  /** Names of users that are in it. */
  readonly users?: readonly string[];
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
  /** The person sees all of a conversation, up to the message of that n. */
  onRead(conversation: string, n: number): void;
  /** The person sees a conversation: it needs its messages and users. */
  onShown(conversation: string): void;
  /** The person looks for messages that are older than those of the area. */
  onOlder(conversation: string): void;
}

/** Everybody's, which a client is in at its start. */
export const LOBBY_CONVERSATION = 'globby';
