/** The operators' page: the login, or the views for whoever is logged in. */
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ask, onSessionEnd, problemOf } from './api.ts';
import { App } from './view/app.tsx';
import { Login } from './view/login.tsx';

type Stage =
  | { readonly is: 'asking' }
  | { readonly is: 'out'; readonly problem: string }
  | { readonly is: 'in' };

function Page() {
  const [stage, setStage] = useState<Stage>({ is: 'asking' });
  useEffect(() => onSessionEnd(() => setStage((before) => ({ is: 'out', problem: endedText(before) }))), []);
  useEffect(() => {
    ask('GET', '/servers').then(
      () => setStage({ is: 'in' }),
      (error: unknown) =>
        setStage((before) => (before.is === 'out' ? before : { is: 'out', problem: problemOf(error) })),
    );
  }, []);
  const logOut = async (): Promise<void> => {
    await ask('DELETE', '/session').catch(() => undefined);
    setStage({ is: 'out', problem: '' });
  };
  if (stage.is === 'asking') return <p class="asking quiet">Asking the route …</p>;
  if (stage.is === 'out') return <Login problem={stage.problem} onEnter={() => setStage({ is: 'in' })} />;
  return <App onLogOut={() => void logOut()} />;
}

/** Whoever comes for the first time need not be told that no session is there. */
const endedText = (before: Stage): string =>
  before.is === 'in' ? 'The session has ended. Log in again.' : before.is === 'out' ? before.problem : '';

render(<Page />, document.getElementById('app') ?? document.body);
