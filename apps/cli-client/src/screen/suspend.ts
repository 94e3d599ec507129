import type { ReadStream } from 'node:tty';

/** The kernel stops nobody whom no shell could bring back: then the terminal is set up again after so long [ms]. */
const NOT_STOPPED_MS = 100;

/** What a program has drawn, and how it is drawn again. */
export interface Suspended {
  /** Before the job stops: gives the shell its screen back. */
  leave?(): void;
  /** The job goes on: what was drawn before stands above what the shell has written since. */
  redraw(): void;
}

/**
 * Ctrl-Z stops the whole job, as in any program: npm and its shell too, which would go on waiting for a client that has
 * stopped alone, so that the terminal hangs.
 *
 * When the job goes on (`fg`) the terminal is set up anew, however it was stopped, and `redraw` is called.
 */
export class Suspension {
  readonly #input: ReadStream;
  readonly #screen: Suspended;
  #timer: NodeJS.Timeout | undefined;
  readonly #onContinue = (): void => {
    clearTimeout(this.#timer);
    // The shell has changed the terminal; a mode that Node believes to be set already would not be set.
    this.#input.setRawMode(false);
    this.#input.setRawMode(true);
    // The window may have another size now; the signal that tells it went to the shell.
    process.kill(process.pid, 'SIGWINCH');
    this.#screen.redraw();
  };

  constructor(input: ReadStream, screen: Suspended) {
    this.#input = input;
    this.#screen = screen;
    process.on('SIGCONT', this.#onContinue);
  }

  /** The person has pressed Ctrl-Z. */
  suspend(): void {
    this.#screen.leave?.();
    this.#input.setRawMode(false);
    this.#timer = setTimeout(() => {
      this.#input.setRawMode(true);
      if (this.#screen.leave !== undefined) this.#screen.redraw();
    }, NOT_STOPPED_MS);
    process.kill(0, 'SIGTSTP');
  }

  stop(): void {
    clearTimeout(this.#timer);
    process.off('SIGCONT', this.#onContinue);
  }
}
