/** The operators' page in a real Chromium, as a standalone server serves it. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import axe from 'axe-core';
import { CimClient, memoryState } from '@cim/client/node';
import { type Browser, type BrowserContext, launchChromium, type Page, ServerProcess } from '@cim/testkit';

const TOKEN = 'a-token-of-thirty-two-characters!';
const WIDE = { width: 1_200, height: 800 };
const PHONE = { width: 360, height: 740 };

let browser: Browser;
let dataDir: string;
let server: ServerProcess;
let context: BrowserContext;
let page: Page;
const clients: CimClient[] = [];
/** What the page has complained about: refused by its policy, thrown, or asked of another host. */
const complaints: string[] = [];

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'cim-page-'));
  const env = { CIM_DATA_DIR: dataDir, CIM_ADMIN_TOKEN: TOKEN, CIM_SESSION_POLICY: 'devices' };
  // One process has the page, a browser and clients beside it on few cores.
  [server, browser] = await Promise.all([ServerProcess.start('standalone', env, Infinity), launchChromium()]);
  context = await browser.newContext({ viewport: WIDE });
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

/** Opens a view, and holds it against axe-core and the edges of a window of each size. */
async function show(view: string, ready: string): Promise<void> {
  await page.goto(`${server.routeInternalUrl}/admin#/${view}`);
  await page.waitForSelector(ready);
  for (const viewport of [WIDE, PHONE]) {
    await page.setViewportSize(viewport);
    assert.deepEqual(await faults(), [], `${view} at ${viewport.width} pixels`);
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

const logIn = async (token: string): Promise<void> => {
  await page.fill('input[name=token]', token);
  await page.press('input[name=token]', 'Enter');
};

describe("the operators' page", { concurrency: false, timeout: 120_000 }, () => {
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
    await enter('alice');
    await show('cluster', 'tbody td[data-name=Sessions]:text-is("1")');
    assert.equal(await page.locator('.standing.bad').count(), 0);
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
