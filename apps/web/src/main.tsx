/** The web chat: logs in, or goes on as the user that this browser knows. */
import { CimClient } from '@cim/client/browser';
import { render } from 'preact';
import { errorText } from './errors.ts';
import { Chat } from './model/chat.ts';
import { Kept } from './model/kept.ts';
import { closeNotifications, notify, onNotificationClick } from './notify.ts';
import { applyTheme } from './theme.ts';
import { App } from './view/app.tsx';
import { type Auth, type Credentials, Login } from './view/login.tsx';
import { LANGUAGE, say } from './words.ts';

/** In the browser's storage: who has logged in last. */
const USER = 'cim-web user';
const WORKER = '/worker.js';
const AUTHS: readonly Auth[] = ['open', 'password', 'jwt'];

const root = document.getElementById('app') ?? document.body;
const auth =
  AUTHS.find((one) => one === document.querySelector('meta[name="cim-auth"]')?.getAttribute('content')) ??
  'open';

applyTheme();
// A file that is dropped beside the field would take the place of the page.
for (const name of ['dragover', 'drop'] as const)
  addEventListener(name, (event) => {
    if (event.dataTransfer?.types.includes('Files') === true) event.preventDefault();
  });
document.documentElement.lang = LANGUAGE;
document.title = say('title');
keepPage();
void begin();

async function begin(): Promise<void> {
  const userName = localStorage.getItem(USER);
  if (userName === null) return logIn('');
  render(<p class="entering quiet">{say('entering')}</p>, root);
  try {
    await enter({ userName });
  } catch (error) {
    logIn(errorText(error), userName);
  }
}

function logIn(problem: string, userName = ''): void {
  document.title = say('title');
  render(<Login auth={auth} userName={userName} problem={problem} onEnter={enter} />, root);
}

/** @throws {CimError} why it is not possible */
async function enter(credentials: Credentials): Promise<void> {
  const client = new CimClient({
    ...credentials,
    routeUrl: location.origin,
    agent: 'cim-web',
    label: browserName(),
  });
  await client.connect();
  localStorage.setItem(USER, credentials.userName);
  const chat: Chat = new Chat(client, new Kept(credentials.userName), {
    onChange: draw,
    onMessage(line, conversation) {
      // One of the tabs tells: the one that has the connection.
      if (client.ownsConnection && !document.hasFocus())
        void notify(line, conversation, () => void chat.show(conversation.id));
    },
  });
  function draw(): void {
    if (!left) render(<App chat={chat} onLogOut={() => void leave()} />, root);
  }
  let left = false;
  async function leave(): Promise<void> {
    left = true;
    render(<p class="entering quiet">{say('entering')}</p>, root);
    if (chat.link.state !== 'ended') {
      localStorage.removeItem(USER);
      await chat.logOut();
    }
    logIn('', credentials.userName);
  }
  addEventListener('pagehide', () => chat.keepNow());
  addEventListener('focus', () => void closeNotifications());
  onNotificationClick((id) => void chat.show(id));
  await chat.start();
  if (!client.durable) chat.tell('memory', '');
  draw();
}

/** What the list of devices calls this one. */
function browserName(): string {
  const [, name = 'browser'] = /(Firefox|Edg|OPR|Chrome|Safari)\//.exec(navigator.userAgent) ?? [];
  return { Edg: 'Edge', OPR: 'Opera' }[name] ?? name;
}

/** Has the browser keep the page itself, so that it opens without a network. */
function keepPage(): void {
  // A page that is not secure has no service workers.
  if (!('serviceWorker' in navigator)) return;
  const { trustedTypes } = globalThis as { readonly trustedTypes?: TrustedTypes };
  // The policy of the page lets nothing but this one script be named by code.
  const script = trustedTypes?.createPolicy('worker', { createScriptURL: () => WORKER }).createScriptURL('');
  navigator.serviceWorker.register((script as string | undefined) ?? WORKER).catch(() => undefined);
}

interface TrustedTypes {
  createPolicy(name: string, rules: object): { createScriptURL(given: string): unknown };
}
