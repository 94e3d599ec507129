// Part of npm run screenshots: makes the pictures of the operators' page in docs/pictures/, of a real cluster with traffic. Takes a
// minute, so that the lines over time have something to show. With a folder as argument the pictures go there.
import { mkdirSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CimClient, memoryState } from '../libs/client/src/node/index.ts';
import { Cluster, launchChromium, type Page, until } from '../libs/testkit/src/index.ts';

const BYTES_AT_MOST = 100 * 1024;
const TOKEN = 'a-token-of-thirty-two-characters!';
const NAMES = ['alice', 'bob', '美玲', 'dora', 'emil', 'fatima', 'george', 'hana', 'ivan', 'june'];
const TALK_MS = 75_000;
const pictures = process.argv[2] ?? fileURLToPath(new URL('../docs/pictures', import.meta.url));

const receiver = createServer((request, response) => {
  request.resume();
  response.writeHead(410).end();
}).listen(0, '127.0.0.1');
const cluster = await Cluster.start({
  ...{ routes: 1, imServers: 3, heldAtMostMs: Infinity },
  env: { CIM_ADMIN_TOKEN: TOKEN, CIM_SESSION_POLICY: 'devices', CIM_OUTCALL_HOSTS: '127.0.0.1' },
});
const [route] = cluster.routes;
if (route === undefined) throw new Error('no route');
const clients = NAMES.map(
  (userName) => new CimClient({ routeUrl: route.routeUrl, userName, label: 'phone', state: memoryState() }),
);
const browser = await launchChromium();
try {
  await makePictures(route.routeUrl, route.routeInternalUrl);
} finally {
  await browser.close();
  await Promise.all(clients.map((client) => client.close()));
  receiver.close();
  await cluster[Symbol.asyncDispose]();
}

async function makePictures(routeUrl: string, url: string): Promise<void> {
  const admin = async (method: string, path: string, body?: object): Promise<void> => {
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
    const answer = await fetch(`${url}/admin${path}`, { method, headers, body: JSON.stringify(body ?? {}) });
    if (!answer.ok) throw new Error(await answer.text());
  };
  const { port } = receiver.address() as AddressInfo;
  await admin('POST', '/webhooks', { url: `http://127.0.0.1:${port}/cim`, events: ['message.*'] });
  for (const client of clients) await client.connect();
  const [alice, bob, , dora] = clients;
  if (alice === undefined || bob === undefined || dora === undefined) throw new Error('nobody is there');
  const desk = new CimClient({ routeUrl, userName: 'bob', label: 'desk', state: memoryState() });
  clients.push(desk);
  await desk.connect();
  const others = clients.flatMap(({ user }) => user?.userId ?? []);
  const group = await alice.groups.create({ name: 'Release team', users: others.slice(1, 8) });
  const to = { user: bob.user?.userId ?? 0 };
  let id = '';
  for (const end = Date.now() + TALK_MS; Date.now() < end; ) {
    const pause = 40 + 80 * (1 + Math.sin(Date.now() / 9_000));
    const sender = clients[Math.floor(Math.random() * NAMES.length)] ?? alice;
    await sender.send({ group: group.id }, 'on our way').catch(() => undefined);
    const sent = await alice.send(to, 'Did the chaos run finish?');
    if (sent.outcome === 'stored') id = sent.id;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  await dora.logout();
  const { items } = (await (
    await fetch(`${url}/admin/servers`, { headers: { authorization: `Bearer ${TOKEN}` } })
  ).json()) as { items: readonly { readonly instance: string }[] };
  await admin('POST', `/servers/${items[2]?.instance ?? ''}/drain`, { rate: 1 });

  const wide = await open(url, { viewport: { width: 1_120, height: 680 }, colorScheme: 'light' });
  await wide.waitForSelector('text="draining"');
  await shoot(wide, 'operators-cluster');
  await wide.goto(`${url}/admin#/traffic`);
  await wide.setViewportSize({ width: 1_120, height: 650 });
  await wide.waitForSelector('.charts canvas');
  await shoot(wide, 'operators-traffic');
  await wide.goto(`${url}/admin#/trace/${encodeURIComponent(`${id} u${to.user}`)}`);
  await wide.waitForSelector('.recipient');
  await shoot(wide, 'operators-trace');
  await wide.goto(`${url}/admin#/users/bob`);
  await wide.waitForSelector('tbody');
  await shoot(wide, 'operators-user');
  const narrow = await open(url, { viewport: { width: 390, height: 720 }, colorScheme: 'dark' });
  await narrow.waitForSelector('.tile canvas');
  await shoot(narrow, 'operators-phone');
}

async function open(url: string, options: Parameters<typeof browser.newContext>[0]): Promise<Page> {
  const page = await (await browser.newContext({ locale: 'en-GB', ...options })).newPage();
  await page.goto(`${url}/admin`);
  await page.fill('input[name=token]', TOKEN);
  await page.press('input[name=token]', 'Enter');
  await page.waitForSelector('tbody tr');
  return page;
}

async function shoot(page: Page, name: string): Promise<void> {
  mkdirSync(pictures, { recursive: true });
  const path = join(pictures, `${name}.png`);
  await page.mouse.move(0, 0);
  await until('nothing is on its way', async () => (await page.locator('.asking').count()) === 0);
  await page.waitForTimeout(500);
  await page.screenshot({ path });
  const { size } = statSync(path);
  if (size > BYTES_AT_MOST) throw new Error(`${path} has ${size} bytes, more than ${BYTES_AT_MOST}`);
  console.log(`${path}: ${size} bytes`);
}
