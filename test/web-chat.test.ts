/** The web chat in a real Chromium, as `npm start` serves it. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import {
  type Browser,
  type BrowserContext,
  freePorts,
  launchChromium,
  type Page,
  ServerProcess,
  until,
} from '@cim/testkit';

/** All that a browser loads [bytes, gzipped]. */
const SIZE_AT_MOST = 120 * 1024;

describe('the web chat', { timeout: 120_000 }, () => {
  let browser: Browser;
  let server: ServerProcess;
  let dataDir: string;
  let env: Record<string, string>;
  /** What pages have complained about: refused by their policy, or thrown. */
  const complaints: string[] = [];

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'cim-web-'));
    const [route, tcp] = await freePorts(2);
    env = {
      CIM_DATA_DIR: dataDir,
      CIM_SESSION_POLICY: 'devices',
      CIM_ROUTE_PORT: String(route),
      CIM_TCP_PORT: String(tcp),
    };
    [server, browser] = await Promise.all([
      ServerProcess.start('standalone', env, Infinity),
      launchChromium(),
    ]);
  });

  after(async () => {
    await browser.close();
    await server.end();
    await rm(dataDir, { recursive: true, force: true });
  });

  /** A browser of its own. */
  const newContext = async (options: Parameters<Browser['newContext']>[0] = {}): Promise<BrowserContext> => {
    const context = await browser.newContext({ locale: 'en-GB', ...options });
    context.on('weberror', (error) => complaints.push(String(error.error())));
    context.on('console', (message) => {
      // A server that is away is no fault of the page.
      if (message.type() === 'error' && !/ERR_|Failed to load|WebSocket/.test(message.text()))
        complaints.push(message.text());
    });
    return context;
  };
  const logIn = async (name: string, context: BrowserContext): Promise<Page> => {
    const page = await context.newPage();
    await page.goto(server.routeUrl);
    await page.fill('input[name=name]', name);
    await page.click('button[type=submit]');
    await page.waitForSelector('.app');
    return page;
  };
  const say = async (page: Page, text: string): Promise<void> => {
    await page.fill('textarea', text);
    await page.press('textarea', 'Enter');
  };
  /** Opens the conversation with a user by name. */
  const chatWith = async (page: Page, name: string): Promise<void> => {
    await page.click('[aria-label="New conversation"]');
    await page.fill('dialog input', name);
    await page.press('dialog input', 'Enter');
    await page.waitForSelector('textarea');
  };

  it('is small, and is served with a policy that lets it ask nobody else', async () => {
    const folder = new URL('../dist/web/', import.meta.url);
    const files = (await readdir(folder)).filter((file) => !/\.(?:gz|map)$/.test(file));
    const sizes = await Promise.all(
      files.map(async (file) => gzipSync(await readFile(new URL(file, folder))).length),
    );
    const size = sizes.reduce((sum, one) => sum + one, 0);
    assert.ok(files.includes('chat.js') && size > 10_000 && size <= SIZE_AT_MOST, `${size} bytes`);
    const page = await fetch(server.routeUrl);
    const policy = page.headers.get('content-security-policy') ?? '';
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; /);
    assert.doesNotMatch(policy, /unsafe|\*(?!;| )|https:|data:/);
    assert.match(await page.text(), /name="cim-auth" content="open"/);
    assert.equal((await fetch(`${server.routeUrl}/chat.js.map`)).status, 404);
  });

  it('two users in two browsers write to each other, and see what became of it', async () => {
    const [ann, ben] = [await logIn('ann', await newContext()), await logIn('ben', await newContext())];
    await chatWith(ann, 'ben');
    await say(ann, 'hello ben');
    await ann.waitForSelector('.progress.delivered');
    await ben.waitForSelector('.row .badge >> text=1');
    assert.equal(await ben.title(), '(1) CIM chat');
    await ben.click('.row:has(.badge)');
    await ann.waitForSelector('.progress.read');
    await until('the title', async () => (await ben.title()) === 'ann · CIM chat');
    await ben.locator('textarea').pressSequentially('hi');
    await ann.waitForSelector('.standing >> text=typing');
    await ben.press('textarea', 'Enter');
    await ann.waitForSelector('article.other >> text=hi');

    // An edit, a reaction and a recall, from the keyboard alone.
    await ben.press('textarea', 'ArrowUp');
    assert.equal(await ben.inputValue('textarea'), 'hi');
    await say(ben, 'hi ann');
    await ann.waitForSelector('article.other >> text=hi ann');
    await ann.press('textarea', 'Shift+Tab');
    await ann.focus('.history');
    await ann.keyboard.press('ArrowUp');
    await ann.keyboard.press('Enter');
    await ann.waitForSelector('.menu');
    await ann.keyboard.press('Enter');
    await ben.waitForSelector('.own .reactions button >> text=👍');
    await ben.hover('article.own');
    await ben.click('article.own [aria-label="Actions for this message"]');
    await ben.click('text=Take back');
    await ann.waitForSelector('article.other >> text=This message was taken back');
    await ben.context().close();
    await ann.context().close();
  });

  it('never complained', () => {
    assert.deepEqual(complaints, []);
  });
});
