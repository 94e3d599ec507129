import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { errorText } from '../errors.ts';
import { say } from '../words.ts';
import { fieldOf } from './parts.tsx';

/** What a person logs in with. */
export interface Credentials {
  readonly userName: string;
  readonly password?: string;
  readonly token?: string;
}

/** What the server asks for: `CIM_AUTH`. */
export type Auth = 'open' | 'password' | 'jwt';

interface Props {
  readonly auth: Auth;
  readonly userName: string;
  /** Why the session before has ended. */
  readonly problem: string;
  readonly onEnter: (credentials: Credentials) => Promise<void>;
}

export function Login({ auth, userName, problem: before, onEnter }: Props): JSX.Element {
  const [problem, setProblem] = useState(before);
  const [busy, setBusy] = useState(false);
  const enter = async (form: HTMLFormElement): Promise<void> => {
    const password = fieldOf(form, 'password');
    setBusy(true);
    setProblem('');
    try {
      await onEnter({
        userName: fieldOf(form, 'name').trim(),
        ...(password !== '' && { password }),
        ...(auth === 'jwt' && { token: fieldOf(form, 'token').trim() }),
      });
    } catch (error) {
      setProblem(errorText(error));
      setBusy(false);
    }
  };
  return (
    <main class="login">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void enter(event.currentTarget);
        }}
      >
        <img src="/icon.svg" alt="" width="64" height="64" />
        <h1>{say('title')}</h1>
        <p class="quiet">{say(auth === 'jwt' ? 'loginToken' : 'loginHint')}</p>
        <label>
          {say('name')}
          <input
            name="name"
            required
            autofocus
            maxLength={64}
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            defaultValue={userName}
          />
        </label>
        {auth === 'jwt' ? (
          <label>
            {say('token')}
            <input name="token" type="password" required autocomplete="off" />
          </label>
        ) : (
          <label>
            {say('password')}
            <input
              name="password"
              type="password"
              required={auth === 'password'}
              autocomplete="current-password"
              aria-describedby="password-hint"
            />
            <small id="password-hint" class="quiet">
              {say(auth === 'password' ? 'passwordNew' : 'passwordHint')}
            </small>
          </label>
        )}
        <button type="submit" class="primary" disabled={busy}>
          {say(busy ? 'entering' : 'enter')}
        </button>
        <p role="alert" class="problem">
          {problem}
        </p>
      </form>
    </main>
  );
}
