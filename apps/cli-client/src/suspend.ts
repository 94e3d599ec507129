import type { Interface } from 'node:readline';
import type { ReadStream } from 'node:tty';

/** The kernel stops nobody whom no shell could bring back: then the terminal is set up again after so long [ms]. */
const NOT_STOPPED_MS = 100;

/**
 * Ctrl-Z stops the whole job, as in any program: npm and its shell too, which would go on waiting for a client that has
 * stopped alone, so that the terminal hangs. Readline itself stops only this process.
 *
 * When the job goes on (`fg`) the terminal is set up anew, however it was stopped, and `redraw` is called: what was drawn
 * before stands above what the shell has written since.
 * @returns how to end this
 */
export function suspendWithJob(
  readline: Pick<Interface, 'on'>,
  input: ReadStream,
  redraw: () => void,
): () => void {
  let timer: NodeJS.Timeout | undefined;
  const onContinue = (): void => {
    clearTimeout(timer);
    // The shell has changed the terminal; a mode that Node believes to be set already would not be set.
    input.setRawMode(false);
    input.setRawMode(true);
    // The window may have another size now; the signal that tells it went to the shell.
    process.kill(process.pid, 'SIGWINCH');
    redraw();
  };
  readline.on('SIGTSTP', () => {
    input.setRawMode(false);
    timer = setTimeout(() => input.setRawMode(true), NOT_STOPPED_MS);
    process.kill(0, 'SIGTSTP');
  });
  process.on('SIGCONT', onContinue);
  return () => {
    clearTimeout(timer);
    process.off('SIGCONT', onContinue);
  };
}
