/** Pages on the SDK in a real Chromium: three tabs of a user, one of which owns the connection, in front of a server that is killed. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CimClient } from '@cim/client/node';
import {
  type Browser,
  type BrowserContext,
  freePorts,
  launchChromium,
  type Page,
  ServerProcess,
  Site,
  until,
} from '@cim/testkit';
import { build } from 'esbuild';

/** What the page makes global. */
interface Tab {
  shown: string[];
  outcomes: string[];
  errors: string[];
  sockets: number;
  client: {
    readonly ownsConnection: boolean;
    readonly online: boolean;
    readonly durable: boolean;
    close(): Promise<void>;
    send(to: object, text: string): Promise<{ readonly outcome: string }>;
    received(query: object): Promise<readonly { readonly texts: readonly string[] }[]>;
  };
  begin(userName: string): Promise<void>;
}

const PAGE = `
  import { CimClient } from '@cim/client/browser';
  const tab = Object.assign(globalThis, { shown: [], outcomes: [], errors: [], sockets: 0 });
  tab.begin = async (userName) => {
    tab.client = new CimClient({ routeUrl: location.origin, userName });
    tab.client.on('message', async ({ texts }) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      tab.shown.push(texts[0]);
    });
    tab.client.on('error', ({ error, where }) => tab.errors.push(where + ': ' + error.message));
    await tab.client.connect();
  };
`;

describe('a page in Chromium', { timeout: 120_000 }, () => {
  let browser: Browser;
  let context: BrowserContext;
  let site: Site;
  let server: ServerProcess;
  let dataDir: string;
  let env: Record<string, string>;

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'cim-browser-'));
    const [route, tcp] = await freePorts(2);
    env = {
      CIM_DATA_DIR: dataDir,
      CIM_SESSION_POLICY: 'devices',
      CIM_ROUTE_PORT: String(route),
      CIM_TCP_PORT: String(tcp),
    };
    const bundled = await build({
      stdin: { contents: PAGE, resolveDir: process.cwd() },
      ...{ bundle: true, format: 'esm', platform: 'browser', write: false },
    });
    const script = bundled.outputFiles[0]?.text ?? '';
    [server, browser] = await Promise.all([
      ServerProcess.start('standalone', env, Infinity),
      launchChromium(),
    ]);
    site = await Site.start(
      {
        '/': { type: 'text/html', body: '<!doctype html><script type="module" src="/page.js"></script>' },
        '/page.js': { type: 'text/javascript', body: script },
      },
      () => server.routeUrl,
    );
    context = await browser.newContext();
  });

  after(async () => {
    await browser.close();
    await site.stop();
    await server.end();
    await rm(dataDir, { recursive: true, force: true });
  });

  const open = async (userName: string, within = context): Promise<Page> => {
    const page = await within.newPage();
    await page.goto(site.url);
    await page.waitForFunction(() => 'begin' in globalThis);
    await page.evaluate((name) => (globalThis as unknown as Tab).begin(name), userName);
    return page;
  };
  const shownIn = (page: Page): Promise<string[]> =>
    page.evaluate(() => (globalThis as unknown as Tab).shown);
  const owns = (page: Page): Promise<boolean> =>
    page.evaluate(() => (globalThis as unknown as Tab).client.ownsConnection);
  const isOnline = (page: Page): Promise<boolean> =>
    page.evaluate(() => (globalThis as unknown as Tab).client.online);
  const texts = (from: number, to: number): string[] =>
    Array.from({ length: to - from + 1 }, (_, i) => `m${from + i}`);

  it('shows each message once in each of three tabs, over the death of the owning tab and of the server', async (t) => {
    const tabs = [await open('alice'), await open('alice'), await open('alice')];
    await using bob = new CimClient({ routeUrl: server.routeUrl, userName: 'bob' });
    await bob.connect();
    const alice = await bob.users.find('alice');
    assert.ok(alice);
    const send = (from: number, to: number) =>
      Promise.all(texts(from, to).map((text) => bob.send({ user: alice.userId }, text)));
    const allShow = (pages: readonly Page[], expected: readonly string[]) =>
      until(
        `${expected.length} messages in each tab`,
        async () => (await Promise.all(pages.map(shownIn))).every(({ length }) => length >= expected.length),
        30_000,
      );

    assert.deepEqual(
      await Promise.all(tabs.map(owns)),
      [true, false, false],
      'the first tab owns the connection',
    );
    await send(1, 50);
    await allShow(tabs, texts(1, 50));

    // The tab crashes while messages come; it says no goodbye.
    const under = send(51, 150);
    const [first, second, third] = tabs as [Page, Page, Page];
    await first.goto('chrome://crash').catch(() => undefined);
    await under;
    await allShow([second, third], texts(1, 150));
    assert.deepEqual((await Promise.all([second, third].map(owns))).sort(), [false, true]);

    // The server is killed while messages are under way.
    const over = send(151, 250);
    await server.end();
    server = await ServerProcess.start('standalone', env, Infinity);
    assert.deepEqual(new Set((await over).map(({ outcome }) => outcome)), new Set(['stored']));
    await allShow([second, third], texts(1, 250));
    for (const page of [second, third]) assert.deepEqual(await shownIn(page), texts(1, 250));

    // Closing hands over within a second.
    const [owner, other] = (await owns(second)) ? [second, third] : [third, second];
    const begun = performance.now();
    await Promise.all([
      owner.evaluate(() => (globalThis as unknown as Tab).client.close()),
      other.waitForFunction(() => {
        const { client } = globalThis as unknown as Tab;
        return client.ownsConnection && client.online;
      }),
    ]);
    const took = performance.now() - begun;
    t.diagnostic(`handed over in ${Math.round(took)} ms`);
    assert.ok(took < 1_000, `handed over in ${Math.round(took)} ms`);
    await send(251, 251);
    await allShow([other], texts(1, 251));
    assert.deepEqual(await shownIn(other), texts(1, 251));

    // A new tab is not shown what others have shown, and finds it in the database.
    const late = await open('alice');
    await send(252, 252);
    await until('the new message', async () => (await shownIn(late)).length > 0);
    assert.deepEqual(await shownIn(late), ['m252']);
    const bobsId = `u${bob.user?.userId}`;
    const kept = await late.evaluate(
      (conversation) => (globalThis as unknown as Tab).client.received({ conversation, limit: 3 }),
      bobsId,
    );
    assert.deepEqual(
      kept.map((message) => message.texts[0]),
      texts(250, 252),
    );
    await Promise.all([...tabs, late].map((page) => page.close()));
  });

  it('sends what was written without a connection once, from whichever tab, after a reload too', async () => {
    const [one, two] = [await open('carol'), await open('carol')];
    await using dave = new CimClient({ routeUrl: server.routeUrl, userName: 'dave' });
    const heard: string[] = [];
    dave.on('message', ({ texts: [text = ''] }) => heard.push(text));
    await dave.connect();
    const to = { user: dave.user?.userId ?? 0 };
    const say = (page: Page, text: string) =>
      page.evaluate(
        ([user, said]) => {
          const tab = globalThis as unknown as Tab;
          void tab.client.send(user, said).then(({ outcome }) => tab.outcomes.push(`${said} ${outcome}`));
        },
        [to, text] as const,
      );
    await say(one, 'before');
    await until('the first', () => heard.length === 1);
    await server.end();
    await until('that the connection is gone', async () => !(await isOnline(one)));
    await say(one, 'from one');
    await say(two, 'from two');
    // The tab that owns the connection is loaded anew: it knows the user, and starts without a server.
    await one.reload();
    await one.waitForFunction(() => 'begin' in globalThis);
    await one.evaluate(() => (globalThis as unknown as Tab).begin('carol'));
    await say(one, 'reloaded');
    server = await ServerProcess.start('standalone', env, Infinity);
    await until('the others', () => heard.length >= 4, 30_000);
    await until(
      'the outcome in the tab that sent',
      async () => (await two.evaluate(() => (globalThis as unknown as Tab).outcomes)).length === 1,
    );
    assert.deepEqual(await two.evaluate(() => (globalThis as unknown as Tab).outcomes), ['from two stored']);
    assert.deepEqual(heard, ['before', 'from one', 'from two', 'reloaded']);
    await Promise.all([one.close(), two.close()]);
  });

  it('takes over what the owning tab has kept and could not tell before it crashed', async () => {
    const [one, two] = [await open('gina'), await open('gina')];
    await using hugo = new CimClient({ routeUrl: server.routeUrl, userName: 'hugo' });
    const heard: string[] = [];
    hugo.on('message', ({ texts: [text = ''] }) => heard.push(text));
    // The entry is acknowledged: no server sends it again.
    let delivered = false;
    hugo.on('delivered', () => (delivered = true));
    await hugo.connect();
    // From now on it is not heard: it hears, receives, sends, and keeps.
    await one.evaluate(() => {
      BroadcastChannel.prototype.postMessage = () => undefined;
    });
    await two.evaluate(
      (user) => {
        const tab = globalThis as unknown as Tab;
        void tab.client.send(user, 'from two').then(({ outcome }) => tab.outcomes.push(outcome));
      },
      { user: hugo.user?.userId ?? 0 },
    );
    const gina = await hugo.users.find('gina');
    await hugo.send({ user: gina?.userId ?? 0 }, 'for both');
    await until('both are on their way', () => heard.length === 1 && delivered);
    assert.deepEqual(await shownIn(two), []);
    await one.goto('chrome://crash').catch(() => undefined);
    await until('the message', async () => (await shownIn(two)).length === 1);
    await until(
      'the outcome',
      async () => (await two.evaluate(() => (globalThis as unknown as Tab).outcomes)).length === 1,
    );
    assert.deepEqual([await shownIn(two), heard], [['for both'], ['from two']]);
    await Promise.all([one.close(), two.close()]);
  });

  it('says that it keeps nothing where the browser has no database, and works', async () => {
    const bare = await browser.newContext();
    await bare.addInitScript(() => {
      Object.defineProperty(globalThis, 'indexedDB', {
        value: {
          open() {
            throw new Error('not in this window');
          },
        },
      });
    });
    const page = await open('erin', bare);
    const [durable, errors, outcome] = await page.evaluate(async () => {
      const { client, errors: told } = globalThis as unknown as Tab;
      return [client.durable, told, (await client.send({ group: 'lobby' }, 'hello')).outcome] as const;
    });
    assert.equal(durable, false);
    assert.match(errors.join(), /^state: this browser keeps nothing \(not in this window\)/);
    assert.equal(outcome, 'stored');
    await bare.close();
  });
});
