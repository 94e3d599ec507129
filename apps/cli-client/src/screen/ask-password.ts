import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { ReadStream, WriteStream } from 'node:tty';
import { CimError } from '@cim/protocol';

/**
 * Asks for a password at a terminal, which shows nothing of what is typed.
 * @throws {CimError} 3000: nothing was typed, or the person has left with Ctrl-C or Ctrl-D
 */
export async function askPassword(question: string, input: ReadStream, output: WriteStream): Promise<string> {
  // Readline draws what is typed; it draws it here.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const readline = createInterface({ input, output: nowhere, terminal: true, historySize: 0 });
  const left = new AbortController();
  readline.on('SIGINT', () => left.abort());
  readline.on('close', () => left.abort());
  output.write(question);
  try {
    const password = await readline.question('', { signal: left.signal });
    if (password !== '') return password;
  } catch {
    // said below
  } finally {
    readline.close();
    output.write('\n');
  }
  throw new CimError('invalid', 'no password was given');
}
