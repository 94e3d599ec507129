/** The web chat in a real Chromium, as `npm start` serves it. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { CimClient } from '@cim/client/node';
import { type Page, Terminal, until } from '@cim/testkit';
import { chatWith, say, texts, WebChat } from './web-pages.ts';

/** All that a browser loads [bytes, gzipped]. */
const SIZE_AT_MOST = 120 * 1024;

describe('the web chat', { timeout: 240_000 }, () => {
  let chat: WebChat;
  /** A group of ivo's with 10,000 messages, which are on their way while other tests run. */
  let seeded: Awaited<ReturnType<typeof seed>>;

  before(async () => {
    chat = await WebChat.start();
    seeded = await seed(chat.url);
  });

  after(async () => {
    await seeded.sender.close();
    await chat.stop();
  });

  it('is small, and is served with a policy that lets it ask nobody else', async () => {
    const folder = new URL('../dist/web/', import.meta.url);
    const files = (await readdir(folder)).filter((file) => !/\.(?:gz|map)$/.test(file));
    const sizes = await Promise.all(
      files.map(async (file) => gzipSync(await readFile(new URL(file, folder))).length),
    );
    const size = sizes.reduce((sum, one) => sum + one, 0);
    assert.ok(files.includes('chat.js') && size > 10_000 && size <= SIZE_AT_MOST, `${size} bytes`);
    const page = await fetch(chat.url);
    const policy = page.headers.get('content-security-policy') ?? '';
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; /);
    assert.doesNotMatch(policy, /unsafe|\*(?!;| )|https:|data:/);
    assert.match(await page.text(), /name="cim-auth" content="open"/);
    assert.equal((await fetch(`${chat.url}/chat.js.map`)).status, 404);
  });

  it('two users in two browsers write to each other, and see what became of it', async () => {
    const [ann, ben] = [await chat.logIn('ann'), await chat.logIn('ben')];
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

    // An edit, a reaction and a recall, from the keyboard alone. What is not stored yet cannot be edited.
    await ben.waitForSelector('article.own .progress:not(.sending)');
    await ben.press('textarea', 'ArrowUp');
    await until('the text to be edited', async () => (await ben.inputValue('textarea')) === 'hi');
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

  it('three tabs and a terminal of one user show what each of them says, once', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'cim-web-terminal-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const context = await chat.newContext();
    const one = await chat.logIn('cara', context);
    const open = async (): Promise<Page> => {
      const page = await context.newPage();
      await page.goto(chat.url);
      await page.waitForSelector('.app');
      return page;
    };
    const tabs = [one, await open(), await open()] as const;
    await using dora = await chat.program('dora');
    const terminal = await Terminal.start(
      [process.execPath, 'dist/cli-client.js', '--route', chat.url, '--state-dir', folder, '--name', 'cara'],
      { env: { XDG_CONFIG_HOME: folder, XDG_STATE_HOME: folder } },
    );
    t.after(() => terminal.stop());
    await terminal.until('everybody>');
    for (const tab of tabs) await chatWith(tab, 'dora');
    for (const [i, tab] of tabs.entries()) await say(tab, `from tab ${i}`);
    await terminal.enter('dora;;from the terminal');
    await dora.send({ user: (await dora.users.byName('cara')).userId }, 'to all');
    const said = ['from tab 0', 'from tab 1', 'from tab 2', 'from the terminal', 'to all'];
    for (const tab of tabs)
      await until('all of it', async () => (await texts(tab)).sort().join() === said.join(), 15_000);
    await terminal.enter(':to dora');
    await terminal.until((screen) => said.every((text) => screen.includes(text)));
    // An edit in one tab is one in all.
    await tabs[1].press('textarea', 'ArrowUp');
    await until('the last own text', async () => (await tabs[1].inputValue('textarea')) !== '');
    await say(tabs[1], 'edited');
    for (const tab of tabs) await tab.waitForSelector('article.own:has-text("edited") footer >> text=edited');
    // The tab that has the connection goes: another one sends.
    await tabs[0].close();
    await say(tabs[2], 'without the first tab');
    await tabs[1].waitForSelector('article.own:has-text("without the first tab") .progress.delivered');
    await context.close();
  });

  it('a server that is killed while somebody types costs nothing, and neither does a time without a network', async () => {
    const context = await chat.newContext();
    const page = await chat.logIn('emma', context);
    await using finn = await chat.program('finn');
    const heard: string[] = [];
    finn.on('message', ({ texts: [text = ''], group }) => group === undefined && heard.push(text));
    await chatWith(page, 'finn');
    await say(page, 'before');
    await until('finn has it', () => heard.length === 1);
    await page.locator('textarea').pressSequentially('half a');
    await chat.killServer();
    await page.locator('textarea').pressSequentially(' sentence');
    await page.waitForSelector('.banner >> text=Not connected');
    assert.equal(await page.inputValue('textarea'), 'half a sentence');
    await page.press('textarea', 'Enter');
    await page.waitForSelector('.progress.sending');
    await chat.startServer();
    await page.waitForSelector('article:has-text("half a sentence") .progress.delivered', {
      timeout: 20_000,
    });

    // The browser has no network, the page is opened anew, and something is written.
    await page.waitForFunction('navigator.serviceWorker.controller !== null');
    await until('the page is kept', async () =>
      (await page.evaluate<string>(KEPT)).includes('half a sentence'),
    );
    await context.setOffline(true);
    await page.reload();
    await page.waitForSelector('.row >> text=finn');
    await page.click('.row:has-text("finn")');
    await page.waitForSelector('article >> text=half a sentence');
    await say(page, 'written offline');
    await finn.send({ user: (await finn.users.byName('emma')).userId }, 'while you were away');
    await context.setOffline(false);
    await page.waitForSelector('article.other >> text=while you were away', { timeout: 20_000 });
    await page.waitForSelector('article:has-text("written offline") .progress.delivered', {
      timeout: 20_000,
    });
    assert.deepEqual(heard, ['before', 'half a sentence', 'written offline']);
    assert.deepEqual(await texts(page), [
      ...['before', 'half a sentence', 'written offline', 'while you were away'],
    ]);
    await context.close();
  });

  it('shows what strangers write as text, whatever it is, and sends nothing while an input method composes', async () => {
    const page = await chat.logIn('gwen');
    await using hostile = await chat.program('h\u0430x');
    const gwen = await hostile.users.byName('gwen');
    const said = [
      '<img src=x onerror="document.title=1"><script>document.title=1</script>',
      'javascript:alert(1) https://example.com/ok https://a@evil.example/',
      '\u202egnp.exe \u2066 right to left',
      `line\r\n\r\n${'\n'.repeat(3_000)}end`,
      'e\u0301'.repeat(10) + '\u0336'.repeat(1_000),
      '\0\u001b[31mred',
    ];
    for (const text of said) await hostile.send({ user: gwen.userId }, text);
    // Names that a server takes: markup, right to left, marks without end.
    const groups = ['<img src=x onerror=document.title=1>', 'مرحبا [admin]', 'Z'.padEnd(60, '\u0336\u0489')];
    for (const name of groups) await hostile.groups.create({ name, users: [gwen.userId] });
    await page.click('.row:has(.badge)');
    await page.waitForSelector('article >> text=red');
    assert.equal(await page.locator('article img, article script, article b').count(), 0);
    assert.deepEqual([await page.locator('article a').getAttribute('href')], ['https://example.com/ok']);
    assert.match((await page.locator('article a').getAttribute('rel')) ?? '', /noopener/);
    for (const box of await page.locator('article').all()) {
      const { width = 0, height = 0 } = (await box.boundingBox()) ?? {};
      assert.ok(width < 900 && height < 900, `${width} × ${height}`);
    }
    await until('the groups', async () => (await page.locator('.row').count()) === groups.length + 2);
    assert.deepEqual(
      new Set(await page.locator('.row .title').allTextContents()),
      new Set(['Everybody', 'h\u0430x', ...groups]),
    );
    for (const row of await page.locator('.row').all()) {
      const { height = 0 } = (await row.boundingBox()) ?? {};
      assert.ok(height < 80, `${height} pixels high`);
    }
    assert.equal(await page.locator('.row img').count(), 0);
    await page.click('.row:has-text("onerror")');
    await page.waitForSelector('h2:has-text("<img src=x onerror=document.title=1>")');
    await page.click('[aria-label="Members"]');
    await page.waitForSelector('dialog h2:has-text("<img")');
    assert.equal(await page.locator('main img').count(), 0);
    await page.keyboard.press('Escape');
    // Enter ends the composition of an input method.
    const field = page.locator('textarea');
    const cdp = await page.context().newCDPSession(page);
    await field.focus();
    await cdp.send('Input.imeSetComposition', { text: 'ni hao', selectionStart: 6, selectionEnd: 6 });
    await page.evaluate(ENTER_WHILE_COMPOSING);
    assert.equal(await page.locator('article.own').count(), 0);
    await cdp.send('Input.insertText', { text: '你好' });
    await until('it is sent', async () => {
      await page.press('textarea', 'Enter');
      return (await page.locator('article.own >> text=你好').count()) === 1;
    });
    await page.context().close();
  });

  it('goes up through 10,000 messages to the first with a bounded page, and nothing jumps', async () => {
    await seeded.done;
    const page = await chat.logIn('ivo');
    let asked = 0;
    page.on('request', (request) => {
      if (/\/v1\/groups\/\d+$/.test(request.url())) asked++;
    });
    await page.click('.row:has-text("long")');
    await page.waitForSelector('article >> text=message 10000');
    const { most, jumps, first } = await page.evaluate<{ most: number; jumps: number; first: number }>(CLIMB);
    assert.equal(first, 1);
    assert.ok(most <= 160, `${most} messages in the page`);
    assert.ok(jumps <= 2, `a line moved by ${jumps} pixels`);
    // Messages that catch up meanwhile do not have it ask again and again.
    assert.ok(asked < 30, `asked ${asked} times how many members there are`);
    await page.waitForSelector('.note >> text=The conversation begins here');
    await page.click('[aria-label="Jump to the newest message"]');
    await page.waitForSelector('article >> text=message 10000');
    // The search looks in what is loaded, and shows the hit.
    await page.keyboard.press('Control+f');
    await page.fill('.search input', 'message 6543');
    await page.press('.search input', 'Enter');
    await page.waitForSelector('article.found >> text=message 6543');
    await page.context().close();
  });

  it('never complained', () => {
    assert.deepEqual(chat.complaints, []);
  });
});

/** In the page: what it has put aside for a start without a network. */
const KEPT = `new Promise((resolve) => {
  const open = indexedDB.open('cim-web emma');
  open.onsuccess = () => {
    const kept = open.result.transaction('kept').objectStore('kept').get('conversations');
    kept.onsuccess = () => {
      open.result.close();
      resolve(JSON.stringify(kept.result?.map(({ lines }) => lines)) ?? '');
    };
  };
})`;

/** Playwright's own keys do not say that they belong to a composition. */
const ENTER_WHILE_COMPOSING = `document.activeElement.dispatchEvent(
  new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true, cancelable: true }),
)`;

const MESSAGES = 10_000;

async function seed(routeUrl: string): Promise<{ readonly sender: CimClient; readonly done: Promise<void> }> {
  const [ivo, jana] = ['ivo', 'jana'].map((userName) => new CimClient({ routeUrl, userName }));
  assert.ok(ivo && jana);
  await Promise.all([ivo.connect(), jana.connect()]);
  const group = await jana.groups.create({ name: 'long', users: [ivo.user?.userId ?? 0] });
  await ivo.close();
  const send = async (): Promise<void> => {
    const texts = Array.from({ length: MESSAGES }, (_, i) => `message ${i + 1}`);
    const sent = await Promise.all(texts.map((text) => jana.send({ group: group.id }, text)));
    assert.ok(sent.every(({ outcome }) => outcome === 'stored'));
  };
  return { sender: jana, done: send() };
}

/** In the page: goes up to a message, and tells how many were in the page at most, and how far a line moved when others came. */
const CLIMB = `(async () => {
  const box = document.querySelector('.history');
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const first = () => Number(box.querySelector('article .body').textContent.replace('message ', ''));
  let [most, jumps, still] = [0, 0, 0];
  while (still < 300 && first() > 1) {
    const before = first();
    box.scrollTop = 0;
    const line = box.querySelectorAll('article')[8];
    const { key } = line.dataset;
    const { top } = line.getBoundingClientRect();
    await frame();
    await frame();
    const now = box.querySelector('[data-key="' + CSS.escape(key) + '"]');
    if (now !== null) jumps = Math.max(jumps, Math.abs(now.getBoundingClientRect().top - top));
    most = Math.max(most, box.querySelectorAll('article').length);
    still = first() === before ? still + 1 : 0;
  }
  return { most, jumps, first: first() };
})()`;
