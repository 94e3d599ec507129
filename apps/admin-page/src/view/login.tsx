import { useState } from 'preact/hooks';
import { ask, problemOf, Refused } from '../api.ts';
import { fieldOf } from './parts.tsx';

interface Props {
  /** Why the session before has ended, or what else is wrong. */
  readonly problem: string;
  readonly onEnter: () => void;
}

const NOT_AUTHORIZED = 401;

export function Login({ problem: before, onEnter }: Props) {
  const [problem, setProblem] = useState(before);
  const [busy, setBusy] = useState(false);
  const enter = async (form: HTMLFormElement): Promise<void> => {
    const token = fieldOf(new FormData(form), 'token').trim();
    setBusy(true);
    setProblem('');
    try {
      await ask('POST', '/session', { token });
      onEnter();
    } catch (error) {
      const wrong = error instanceof Refused && error.status === NOT_AUTHORIZED;
      setProblem(wrong ? 'This token does not open the page.' : problemOf(error));
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
        <img src="/admin/page/icon.svg" alt="" width="56" height="56" />
        <h1>CIM operators</h1>
        <label>
          Admin token
          <input
            name="token"
            type="password"
            autocomplete="current-password"
            required
            autofocus
            aria-describedby="login-help"
          />
        </label>
        <p id="login-help" class="quiet">
          The token of <code>CIM_ADMIN_TOKEN</code>, or an API key with the scope <code>admin</code>.
        </p>
        <p class="problem" role="alert">
          {problem}
        </p>
        <button class="primary" type="submit" disabled={busy}>
          Log in
        </button>
      </form>
    </main>
  );
}
