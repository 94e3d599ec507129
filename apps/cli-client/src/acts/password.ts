import type { CimClient } from '@cim/client/node';
import { CimError, CODES } from '@cim/protocol';
import type { Command } from '../commands/command.ts';
import type { Screen } from '../screen/screen.ts';

interface PasswordParts {
  readonly client: Pick<CimClient, 'changePassword'>;
  readonly screen: Pick<Screen, 'askSecret'>;
  /** How the user has logged in. */
  readonly loggedInWith: 'nothing' | 'password' | 'token';
  readonly notice: (text: string) => void;
}

/** Carries out `:password`. */
export class PasswordChange {
  readonly #parts: PasswordParts;
  /** The route lets nobody in with a password whose account has none, nor without one whose account has one. */
  #has: boolean;

  constructor(parts: PasswordParts) {
    this.#parts = parts;
    this.#has = parts.loggedInWith === 'password';
  }

  /** @returns whether the command is this one. @throws {CimError} why it failed, in one line */
  async run(command: Command): Promise<boolean> {
    if (command.kind !== 'password') return false;
    const { client, screen, loggedInWith, notice } = this.#parts;
    if (loggedInWith === 'token')
      throw new CimError('invalid', 'you have logged in with a token, so there is no password to change');
    const old = this.#has ? await screen.askSecret('password until now: ') : undefined;
    const fresh =
      this.#has && old === undefined
        ? undefined
        : await screen.askSecret('new password, 8 characters or more: ');
    const again = fresh === undefined ? undefined : await screen.askSecret('new password again: ');
    if (fresh === undefined || again === undefined) {
      notice('the password is left as it is');
      return true;
    }
    if (fresh !== again)
      throw new CimError('invalid', 'the two are not the same, and the password is left as it is');
    await client.changePassword(old, fresh).catch((error: unknown) => {
      throw explained(error, this.#has);
    });
    const others = 'your other devices are logged out';
    notice(this.#has ? `the password is changed; ${others}` : `you have a password from now on; ${others}`);
    this.#has = true;
    return true;
  }
}

function explained(error: unknown, has: boolean): unknown {
  if (!(error instanceof CimError)) return error;
  if (error.code === CODES.unknownAccount.code && has)
    return new CimError('unknownAccount', 'that is not the password until now, which is left as it is');
  if (error.code === CODES.failure.code)
    return new CimError('failure', `the password may be changed or not: ${error.message}`);
  return error;
}
