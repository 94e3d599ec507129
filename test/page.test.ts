/** Pages without the SDK in a real Chromium: ten lines on a WebSocket, the origins that may open one, and the documentation. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CimClient, memoryState } from '@cim/client/node';
import { type Browser, Cluster, launchChromium, type Page, Site, until } from '@cim/testkit';
import { build } from 'esbuild';
import { post } from './web-socket-client.ts';

/** What the page makes global. */
interface TenLines {
  shown: string[];
  connected: number;
  secret: string;
  connect(id: string): Promise<void>;
  say(frame: object): void;
  send(to: number, counter: number, text: string): void;
}

/** The frames are made by the project's own code, which runs in browsers; all else is here. */
const PAGE = `
  import { cim, decodeContent, encodeFrame, FrameDecoder, messageId } from '@cim/protocol';
  const tab = Object.assign(globalThis, { shown: [], connected: 0, cursor: { seq: 0 } });
  const json = { method: 'POST', headers: { 'content-type': 'application/json' } };
  tab.say = (frame) => tab.socket.send(encodeFrame(cim.Frame, frame));
  tab.send = (to, counter, text) => tab.say({ send: { to, producer: 'a-page-of-ten-lines', counter, content: cim.Content.encode({ texts: [text] }).finish() } });
  tab.onFrame = ({ welcome, deliver }) => { if (welcome) tab.connected++; for (const e of deliver?.entries ?? []) if (e.seq > tab.cursor.seq) { tab.shown.push(...(decodeContent(e.content)?.texts ?? [])); tab.cursor = { seq: e.seq, id: messageId(e.sender, e.producer, e.counter) }; tab.say({ ack: { seq: e.seq } }); } };
  tab.connect = async (id) => { try { const s = await (await fetch('/v1/sessions', { ...json, body: JSON.stringify({ id, ...(tab.secret && { session: tab.secret }) }) })).json(); tab.secret = s.secret; tab.open(id, s); } catch { setTimeout(() => tab.connect(id), 300); } };
  tab.open = (id, { address: { host, port }, ticket }) => { const frames = new FrameDecoder(1 << 20); tab.socket = Object.assign(new WebSocket('ws://' + host + ':' + port + '/cim', 'cim.v2'), { binaryType: 'arraybuffer',
    onopen: () => { tab.say({ login: { userId: Number(id), ticket, agent: 'page' } }); tab.say({ resume: { cursors: [tab.cursor] } }); }, onclose: () => setTimeout(() => tab.connect(id), 300),
    onmessage: ({ data }) => frames.push(new Uint8Array(data), (body) => (tab.onFrame(cim.Frame.decode(body)), true)) }); };
`;

describe('a page in Chromium without the SDK', { timeout: 120_000 }, () => {
  let browser: Browser;
  let cluster: Cluster;
  let site: Site;
  let routeUrl: string;

  before(async () => {
    [cluster, browser] = await Promise.all([Cluster.start({ routes: 1, imServers: 2 }), launchChromium()]);
    routeUrl = cluster.routes[0]?.routeUrl ?? '';
    const bundled = await build({
      stdin: { contents: PAGE, resolveDir: process.cwd() },
      ...{ bundle: true, format: 'esm', platform: 'browser', write: false },
    });
    const body = bundled.outputFiles[0]?.text ?? '';
    site = await Site.start(
      {
        '/': { type: 'text/html', body: '<!doctype html><script type="module" src="/page.js"></script>' },
        '/page.js': { type: 'text/javascript', body },
      },
      () => routeUrl,
    );
  });

  after(async () => {
    await browser.close();
    await site.stop();
    await cluster[Symbol.asyncDispose]();
  });

  const shownIn = (page: Page): Promise<string[]> =>
    page.evaluate(() => (globalThis as unknown as TenLines).shown);
  const connectedIn = (page: Page): Promise<number> =>
    page.evaluate(() => (globalThis as unknown as TenLines).connected);

  it('logs in, sends, receives, and goes on at another server when its own is killed', async () => {
    const ann = new CimClient({ routeUrl, userName: 'ann', state: memoryState() });
    const heard: string[] = [];
    ann.on('message', ({ texts }) => void heard.push(...texts));
    await ann.connect();
    const page = await browser.newPage();
    try {
      const { userId } = (await post({ routeUrl }, '/registerAccount', { userName: 'page' })) as {
        userId: number;
      };
      await page.goto(site.url);
      await page.waitForFunction(() => 'connect' in globalThis);
      await page.evaluate((id) => (globalThis as unknown as TenLines).connect(id), String(userId));
      await until('the page is logged in', async () => (await connectedIn(page)) === 1);
      const to = ann.user?.userId ?? 0;
      await page.evaluate((of) => (globalThis as unknown as TenLines).send(of, 1, 'from a page'), to);
      await until('ann has it', () => heard.length === 1);
      await ann.send({ user: userId }, ['to a page']);
      await until('the page shows it', async () => (await shownIn(page)).length === 1);

      // The im-server that the page is at says so nowhere but in the store: each is killed, and another one starts.
      for (const [i, server] of [...cluster.imServers].entries()) {
        const before = await connectedIn(page);
        await server.end('SIGKILL');
        if (i === 0) await cluster.startImServer();
        await ann.send({ user: userId }, [`after the death of server ${i + 1}`]);
        await until('the page shows it', async () => (await shownIn(page)).length === i + 2, 45_000);
        assert.ok((await connectedIn(page)) >= before);
      }
      assert.ok((await connectedIn(page)) >= 2, 'one of them was its own');
      await page.evaluate((of) => (globalThis as unknown as TenLines).send(of, 2, 'still here'), to);
      await until('ann has it', () => heard.length === 2, 45_000);
      assert.deepEqual(heard, ['from a page', 'still here']);
      assert.deepEqual(await shownIn(page), [
        'to a page',
        'after the death of server 1',
        'after the death of server 2',
      ]);
    } finally {
      await page.close();
      await ann.close();
    }
  });

  it('opens a WebSocket to the host that it came from, and none when it came from another', async () => {
    const port = cluster.imServers.find((server) => !server.ended)?.tcpPort ?? 0;
    const outcome = async (from: string): Promise<string> => {
      const page = await browser.newPage();
      await page.goto(from);
      const answer = await page.evaluate(
        (url) =>
          new Promise<string>((resolve) => {
            const socket = new WebSocket(url, 'cim.v2');
            socket.onopen = () => resolve('open');
            socket.onerror = () => resolve('refused');
          }),
        `ws://127.0.0.1:${port}/cim`,
      );
      await page.close();
      return answer;
    };
    assert.equal(await outcome(site.url), 'open');
    // The same page under another name.
    assert.equal(await outcome(site.url.replace('127.0.0.1', 'localhost')), 'refused');
  });

  it('shows the documentation within its content security policy', async () => {
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(`${cluster.routes[0]?.routeInternalUrl ?? ''}/documentation/`);
    await page.waitForSelector('text=/Send a message/');
    assert.deepEqual(complaints, []);
    await page.close();
  });
});
