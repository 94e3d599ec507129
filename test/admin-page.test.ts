/** The operators' page in a real Chromium, as a standalone server serves it. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import axe from 'axe-core';
import { CimClient, memoryState } from '@cim/client/node';
import {
  type Browser,
  type BrowserContext,
  launchChromium,
  type Page,
  ServerProcess,
  until,
} from '@cim/testkit';

const TOKEN = 'a-token-of-thirty-two-characters!';
const WIDE = { width: 1_200, height: 800 };
const PHONE = { width: 360, height: 740 };
/** The longest name that there can be, which has to fit on a phone too. */
const CAROL = `carol-${'w'.repeat(26)}`;

let browser: Browser;
let dataDir: string;
let server: ServerProcess;
let context: BrowserContext;
let page: Page;
let alice: CimClient;
let bob: CimClient;
const clients: CimClient[] = [];
/** What the page has complained about: refused by its policy, thrown, or asked of another host. */
const complaints: string[] = [];

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'cim-page-'));
  const env = {
    CIM_DATA_DIR: dataDir,
    CIM_ADMIN_TOKEN: TOKEN,
    CIM_SESSION_POLICY: 'devices',
    CIM_OUTCALL_HOSTS: '127.0.0.1',
  };
  // One process has the page, a browser and clients beside it on few cores.
  [server, browser] = await Promise.all([ServerProcess.start('standalone', env, Infinity), launchChromium()]);
  context = await browser.newContext({ viewport: WIDE });
  context.setDefaultTimeout(60_000);
  context.on('weberror', (error) => complaints.push(String(error.error())));
  context.on('console', (message) => {
    // A request that the route refuses is no fault of the page.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text());
  });
  context.on('request', (request) => {
    if (!request.url().startsWith(`${server.routeInternalUrl}/admin`)) complaints.push(request.url());
  });
  page = await context.newPage();
});

after(async () => {
  await browser.close();
  await Promise.all(clients.map((client) => client.close()));
  await server.end();
  await rm(dataDir, { recursive: true, force: true });
});

async function enter(userName: string): Promise<CimClient> {
  const client = new CimClient({ routeUrl: server.routeUrl, userName, label: 'pad', state: memoryState() });
  clients.push(client);
  await client.connect();
  return client;
}

/** Opens a view, and checks that it fits. */
async function show(view: string, ready: string): Promise<void> {
  await page.goto(`${server.routeInternalUrl}/admin#/${view}`);
  await page.waitForSelector(ready);
  await fits(view);
}

/** Holds the page against axe-core and the edges of a window of each size. */
async function fits(screen: string): Promise<void> {
  for (const viewport of [WIDE, PHONE]) {
    await page.setViewportSize(viewport);
    assert.deepEqual(await faults(), [], `${screen} at ${viewport.width} pixels`);
  }
  await page.setViewportSize(WIDE);
}

/** The policy of the page admits no script from outside, so axe-core comes by the door of the developer tools. */
async function faults(): Promise<string[]> {
  const tools = await context.newCDPSession(page);
  try {
    const { result, exceptionDetails } = await tools.send('Runtime.evaluate', {
      expression: `${axe.source};${FAULTS}`,
      ...{ awaitPromise: true, returnByValue: true },
    });
    assert.equal(exceptionDetails, undefined);
    return result.value as string[];
  } finally {
    await tools.detach();
  }
}

const FAULTS = `(async () => {
  // What depends on the size of the window has its new size with the next frame.
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  const runOnly = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'];
  const { violations } = await axe.run({ runOnly });
  const beside = [...document.querySelectorAll('button, input, select, a, h2, td, dialog')].filter((one) => {
    const { left, right, width } = one.getBoundingClientRect();
    return width > 0 && one.closest('.unseen, .wide, nav') === null && (left < 0 || right > innerWidth);
  });
  return [
    ...violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ': ' + html)),
    ...beside.map(({ outerHTML }) => 'beside the edge: ' + outerHTML.slice(0, 200)),
  ];
})()`;

/** Presses a button, and the one of the same name in its dialog. */
async function act(name: string): Promise<void> {
  await page.click(`button:text-is("${name}")`);
  await page.click(`dialog button:text-is("${name}")`);
  await page.waitForSelector('dialog', { state: 'detached' });
}

const ACTS = [
  'page.login',
  'message.trace',
  'user.kick',
  'ban',
  'unban',
  'user.blocks',
  'group.show',
  'webhook.replay',
];

const logIn = async (token: string): Promise<void> => {
  await page.fill('input[name=token]', token);
  await page.press('input[name=token]', 'Enter');
};

describe("the operators' page", { concurrency: false, timeout: 600_000 }, () => {
  test('lets nothing but its own script run, and keeps its cookie from scripts', async () => {
    const answer = await fetch(`${server.routeInternalUrl}/admin`);
    assert.equal(answer.status, 200);
    const policy = answer.headers.get('content-security-policy') ?? '';
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; /);
    assert.match(policy, /frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'$/);
    assert.doesNotMatch(policy, /unsafe|\*|https?:/);
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    const script = await fetch(`${server.routeInternalUrl}/admin/page/page.js`);
    assert.equal(script.headers.get('content-encoding'), 'gzip');
    assert.equal((await fetch(`${server.routeInternalUrl}/admin/page/page.js.map`)).status, 401);
    assert.equal((await fetch(`${server.routeUrl}/admin`)).status, 404, 'not on the port for clients');
  });

  test('opens with the token, and with no other', async () => {
    await show('', 'input[name=token]');
    await logIn('a-wrong-token-of-32-characters!!');
    await page.waitForSelector('text="This token does not open the page."');
    await logIn(TOKEN);
    await page.waitForSelector('nav a[aria-current=page]');
    const [cookie, ...more] = await context.cookies();
    assert.deepEqual(more, []);
    assert.deepEqual(
      [cookie?.httpOnly, cookie?.sameSite, cookie?.path, cookie?.value === TOKEN],
      [true, 'Strict', '/admin', false],
    );
    assert.equal(await page.evaluate('document.cookie'), '');
    await page.reload();
    await page.waitForSelector('nav a[aria-current=page]');
  });

  test('shows the cluster with the sessions that it has', async () => {
    alice = await enter('alice');
    bob = await enter('bob');
    await show('cluster', 'tbody td[data-name=Sessions]:text-is("2")');
    await page.waitForSelector('.standing:not(.bad)');
    await page.waitForSelector('text="A stored message is on disk."');
  });

  test('refuses a drain that has nowhere to move sessions to, and says so in the dialog', async () => {
    await page.click('button:text-is("Drain")');
    assert.deepEqual(await faults(), []);
    await page.click('dialog button[type=submit]');
    await page.waitForSelector(
      'dialog [role=alert]:text-is("no other im-server takes logins: start one first")',
    );
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog', { state: 'detached' });
  });

  test('traces a message from its sender to the device of its recipient', async () => {
    const acked = new Promise((resolve) => alice.on('delivered', resolve));
    const sent = await alice.send({ user: bob.user?.userId ?? 0 }, ['hello']);
    assert.ok(sent.outcome === 'stored');
    await acked;
    await page.goto(`${server.routeInternalUrl}/admin#/trace`);
    await page.fill('input[name=id]', sent.id);
    await page.fill('input[name=in]', `u${bob.user?.userId ?? 0}`);
    await page.press('input[name=in]', 'Enter');
    await page.waitForSelector('.recipient h3:has-text("bob")');
    const facts = await page.locator('.recipient > .facts .named').allTextContents();
    assert.deepEqual(facts, ['delivered yes', 'read no']);
    assert.deepEqual(await page.locator('.devices .named').allTextContents(), [
      'pushed yes',
      'delivered yes',
    ]);
    await fits('a message');
    await page.fill('input[name=id]', `${alice.user?.userId ?? 0}:no-such-producer-0:1`);
    await page.press('input[name=id]', 'Enter');
    await page.waitForSelector('main > [role=alert]:not(:empty)');
  });

  test('shows the traffic of the last minutes', async () => {
    await show('traffic', '.charts figure:has-text("sessions") strong:text-is("2")');
    assert.equal(await page.locator('.charts canvas').count(), 5);
    await show('cluster', 'section[aria-label="Delivery, p99"] .value:not(:text-is("–"))');
  });

  test('finds a user among those who are online, kicks the device, and bans the user', async () => {
    const carol = await enter(CAROL);
    await alice.blocks.add(carol.user?.userId ?? 0);
    const ended = new Promise((resolve) => carol.on('closed', ({ reason }) => resolve(reason)));
    await show('users', `tbody a:text-is("${CAROL}")`);
    await page.click(`tbody a:text-is("${CAROL}")`);
    await page.waitForSelector('tbody th:has-text("pad")');
    await page.waitForSelector('td[data-name=Connected] .good:text-is("yes")');
    await fits('a user');
    await act('Kick');
    assert.equal(await ended, 'logged-out');
    await page.waitForSelector('td[data-name=Connected] .plain:text-is("no")');

    await page.click('button:text-is("Ban")');
    await page.selectOption('dialog select', { label: 'a day' });
    await page.fill('dialog input[name=reason]', 'spam');
    assert.deepEqual(await faults(), []);
    await page.keyboard.press('Enter');
    await page.waitForSelector('.badge.bad:has-text("suspended until")');
    await assert.rejects(enter(CAROL), { code: '9500' });
    await act('End ban');
    await page.waitForSelector('.badge.bad', { state: 'detached' });

    await page.fill('input[name=text]', 'alice');
    await page.keyboard.press('Enter');
    await page.click('button[aria-label="Show block list"]');
    await page.waitForSelector(`.lines a:text-is("${CAROL}")`);
    await page.fill('input[name=text]', 'nobody');
    await page.keyboard.press('Enter');
    await page.waitForSelector('[role=alert]:has-text("there is no user")');
  });

  test('shows a group, and tells a dead letter again', async () => {
    let status = 410;
    const told: string[] = [];
    const receiver = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        told.push(body);
        response.writeHead(status).end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const { port } = receiver.address() as AddressInfo;
    const made = await fetch(`${server.routeInternalUrl}/admin/webhooks`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ url: `http://127.0.0.1:${port}/hook`, events: ['group.created'] }),
    });
    assert.equal(made.status, 201, await made.text());
    const group = await alice.groups.create({ name: 'Release team', users: [bob.user?.userId ?? 0] });
    await page.goto(`${server.routeInternalUrl}/admin#/groups`);
    await page.fill('input[name=text]', group.id);
    await page.press('input[name=text]', 'Enter');
    await page.waitForSelector('h2:text-is("Release team")');
    await page.waitForSelector('caption:text-is("Members (2)")');
    await page.waitForSelector('tbody tr:has-text("alice"):has-text("owner")');

    // A receiver that is gone for good turns its webhook off, and what waited is dead.
    await page.waitForSelector('.badge:text-is("1 dead")');
    await page.click('button:text-is("Show letters")');
    await page.waitForSelector('.badge:text-is("off")');
    await fits('a group and a webhook');
    status = 204;
    const before = told.length;
    await act('Turn on');
    await page.waitForSelector('.badge:text-is("off")', { state: 'detached' });
    await act('Replay');
    await page.waitForSelector('.badge:text-is("0 dead")');
    await until('the receiver is told', () => told.length > before);
    await page.waitForSelector('.badge:text-is("0 waiting")');
    await page.waitForSelector('.badge:text-is("well")');
    assert.match(told.at(-1) ?? '', /"group\.created"/);
    receiver.close();
  });

  test('shows a user in a tab that nobody has come to yet', async () => {
    const behind = await context.newPage();
    await behind.addInitScript("Object.defineProperty(document, 'hidden', { get: () => true })");
    await behind.goto(`${server.routeInternalUrl}/admin#/users/alice`);
    await behind.waitForSelector('h2:text-is("alice")');
    await behind.close();
  });

  test('does not say that all is well while the route does not answer', async () => {
    await page.goto(`${server.routeInternalUrl}/admin#/cluster`);
    await page.waitForSelector('.standing');
    await context.setOffline(true);
    await page.waitForSelector(
      'main > [role=alert]:text-is("the route does not answer; what is below is old")',
    );
    await page.waitForSelector('.standing', { state: 'detached' });
    await context.setOffline(false);
    await page.waitForSelector('.standing');
  });

  test('logs each act that was done on the page', async () => {
    await until('the log has them', () => ACTS.every((name) => server.log.includes(`"act":"${name}"`)));
  });

  test('closes for good with the logout', async () => {
    const cookies = await context.cookies();
    await page.click('button:text-is("Log out")');
    await page.waitForSelector('input[name=token]');
    assert.deepEqual(await context.cookies(), []);
    await context.addCookies(cookies);
    await page.reload();
    await page.waitForSelector('input[name=token]');
    assert.deepEqual(complaints, []);
  });
});
