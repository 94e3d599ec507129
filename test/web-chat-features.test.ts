/** What people do with the web chat, in a real Chromium: log in, groups, search, files, notifications. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Page, until } from '@cim/testkit';
import { chatWith, say, texts, WebChat } from './web-pages.ts';

describe('the web chat in use', { timeout: 180_000 }, () => {
  let chat: WebChat;

  before(async () => {
    chat = await WebChat.start();
  });

  after(() => chat.stop());

  it('logs in with a password where the server wants one, and goes on without after a reload', async () => {
    const strict = await WebChat.start({ CIM_AUTH: 'password' }, chat);
    try {
      const page = await (await strict.newContext()).newPage();
      const enter = async (password: string): Promise<void> => {
        await page.fill('input[name=name]', 'anna');
        await page.fill('input[name=password]', password);
        await page.press('input[name=password]', 'Enter');
      };
      await page.goto(strict.url);
      // An empty one is not sent.
      await enter('');
      assert.equal(await page.locator('input[name=password]:invalid').count(), 1);
      await enter('short');
      await page.waitForSelector('[role=alert]:not(:empty)');
      await enter('correct horse');
      await page.waitForSelector('.app');
      await page.reload();
      await page.waitForSelector('.app');
      await page.click('[aria-label="Settings"]');
      await page.click('text=Log out');
      await page.waitForSelector('input[name=password]');
      assert.equal(await page.inputValue('input[name=name]'), 'anna');
      await enter('battery staple');
      await page.waitForSelector('[role=alert]:not(:empty)');
      assert.equal(await page.locator('.app').count(), 0);
      await enter('correct horse');
      await page.waitForSelector('.app');
      await page.context().close();
    } finally {
      await strict.stop();
    }
  });

  it('logs in with a token where the server wants one, and goes on without after a reload', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'cim-web-token-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const pem = join(folder, 'public.pem');
    await writeFile(pem, publicKey.export({ type: 'spki', format: 'pem' }));
    const part = (json: object): string => Buffer.from(JSON.stringify(json)).toString('base64url');
    const exp = Math.floor(Date.now() / 1_000) + 600;
    const signed = `${part({ alg: 'EdDSA', typ: 'JWT' })}.${part({ sub: '7', name: 'bea', exp })}`;
    const token = `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`;
    const strict = await WebChat.start({ CIM_AUTH: 'jwt', CIM_JWT_KEY_FILE: pem }, chat);
    try {
      const page = await (await strict.newContext()).newPage();
      await page.goto(strict.url);
      assert.equal(await page.locator('input[name=password]').count(), 0);
      const enter = async (given: string): Promise<void> => {
        await page.fill('input[name=name]', 'bea');
        await page.fill('input[name=token]', given);
        await page.press('input[name=token]', 'Enter');
      };
      await enter(token.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A')).replace('.', '.x'));
      await page.waitForSelector('[role=alert]:not(:empty)');
      await enter(token);
      await page.waitForSelector('.app');
      await page.reload();
      await page.waitForSelector('.app');
      await say(await opened(page, 'Everybody'), 'I am in');
      await page.waitForSelector('article.own .progress.stored');
      await page.context().close();
    } finally {
      await strict.stop();
    }
  });

  it('makes a group, adds, leaves, joins, removes and disbands, with the keyboard alone', async () => {
    const page = await (await chat.newContext()).newPage();
    const { keyboard } = page;
    await page.goto(chat.url);
    await keyboard.type('nia');
    await keyboard.press('Enter');
    await page.waitForSelector('.app');
    const otto = await chat.logIn('otto');

    await tabTo(page, 'New conversation');
    await keyboard.press('Enter');
    await tabTo(page, 'New group');
    await keyboard.press('Enter');
    await tabTo(page, 'Name of the group');
    await keyboard.type('Crew');
    await tabTo(page, 'on');
    await keyboard.press('Space');
    await tabTo(page, 'Create');
    await keyboard.press('Enter');
    // Whoever has made a group is asked whom to add.
    await page.waitForSelector('dialog >> text=1 member');
    const [, number = ''] = /number (\d+)/.exec((await page.textContent('dialog p.quiet')) ?? '') ?? [];
    await tabTo(page, 'Name of a user to invite');
    await keyboard.type('nobody-at-all');
    await keyboard.press('Enter');
    await page.waitForSelector('dialog [role=alert]:not(:empty)');
    await keyboard.press('Control+a');
    await keyboard.type('otto');
    await keyboard.press('Enter');
    await page.waitForSelector('dialog >> text=2 members');
    assert.deepEqual(await page.locator('.people bdi').allTextContents(), ['nia', 'otto']);
    await keyboard.press('Escape');
    await page.waitForSelector('dialog', { state: 'detached' });

    // The field of the new conversation has the focus. Chromium is late to give it the keys behind a dialog: it is left and entered.
    assert.equal(await page.evaluate(FOCUSED), 'Write to Crew');
    await keyboard.press('Shift+Tab');
    await tabTo(page, 'Write to Crew');
    await keyboard.type('hello crew');
    await keyboard.press('Enter');
    await otto.click('.row:has-text("Crew")');
    await otto.waitForSelector('article.other >> text=hello crew');
    assert.match((await otto.textContent('.row[aria-current] .preview')) ?? '', /nia: hello crew/);

    // Out, and in again by the number of the group.
    await otto.click('[aria-label="Members"]');
    await otto.click('dialog >> text=Leave the group');
    await otto.click('dialog .danger');
    await otto.waitForSelector('.row:has-text("Crew")', { state: 'detached' });
    await page.waitForSelector('.note >> text=/otto.* left/');
    await otto.click('[aria-label="New conversation"]');
    await otto.click('dialog >> text=Join a group');
    await otto.fill('dialog input', number);
    await otto.press('dialog input', 'Enter');
    await otto.waitForSelector('h2:has-text("Crew")');
    await page.waitForSelector('.note >> text=/otto.* joined/');

    await tabTo(page, 'Members');
    await keyboard.press('Enter');
    await page.waitForSelector('.people >> text=otto');
    await tabTo(page, 'Remove otto');
    await keyboard.press('Enter');
    await otto.waitForSelector('.row:has-text("Crew")', { state: 'detached' });
    await page.waitForSelector('dialog >> text=1 member');
    await tabTo(page, 'Disband the group');
    await keyboard.press('Enter');
    await page.waitForSelector('dialog >> text=go away for all');
    await tabTo(page, 'Disband the group');
    await keyboard.press('Enter');
    await page.waitForSelector('.row:has-text("Crew")', { state: 'detached' });
    await otto.context().close();
    await page.context().close();
  });

  it('searches in what is loaded, and in the history that is not', async () => {
    await using paul = await chat.program('paul');
    const quinn = await chat.logIn('quinn');
    const to = { user: (await paul.users.byName('quinn')).userId };
    await paul.send(to, 'The Needle');
    await Promise.all(Array.from({ length: 220 }, (_, i) => paul.send(to, `hay ${i}`)));
    await quinn.reload();
    await opened(quinn, 'paul');
    await quinn.waitForSelector('article >> text=hay 219');
    await quinn.keyboard.press('Control+f');
    await quinn.fill('.search input', 'hay 215');
    await quinn.waitForSelector('.search >> text=0 / 1+');
    await quinn.press('.search input', 'Enter');
    await quinn.waitForSelector('article.found >> text=hay 215');
    await quinn.fill('.search input', 'needle');
    await quinn.waitForSelector('.search >> text=Enter looks further back');
    await quinn.press('.search input', 'Enter');
    await quinn.waitForSelector('article.found >> text=The Needle');
    await quinn.fill('.search input', 'not a word of it');
    await quinn.press('.search input', 'Enter');
    await quinn.waitForSelector('.search >> text=Nothing found');
    await quinn.press('.search input', 'Escape');
    assert.equal(await quinn.locator('.search').count(), 0);
    // Whoever says something, far above, sees it.
    assert.equal(await quinn.evaluate(IS_END_IN_VIEW), false);
    await say(quinn, 'found it');
    await quinn.waitForSelector('article.own >> text=found it');
    await until('the end is in view', () => quinn.evaluate<boolean>(IS_END_IN_VIEW));
    await quinn.context().close();
  });

  it('takes a text file that is dropped anywhere, code, and a long paste, and sends all of it', async () => {
    const context = await chat.newContext({ permissions: ['clipboard-read', 'clipboard-write'] });
    const rita = await chat.logIn('rita', context);
    await using sam = await chat.program('sam');
    const heard: string[][] = [];
    sam.on('message', ({ texts: [...said] }) => void heard.push(said));
    await chatWith(rita, 'sam');
    const drop = (name: string, content: string): Promise<unknown> =>
      rita.evaluate(`(${DROP})(${JSON.stringify(name)}, ${JSON.stringify(content)})`);
    const field = (): Promise<string> => rita.inputValue('textarea');
    await drop('picture.png', '\u0089PNG\0');
    await rita.waitForSelector('.banner >> text=picture.png is not a text');
    assert.equal(await field(), '');
    await rita.click('.banner [aria-label="Close"]');
    await rita.fill('textarea', 'see:');
    await drop('code.js', 'const fence = `\n```\n`;\n');
    await until('the code', async () => (await field()) !== 'see:');
    await rita.press('textarea', 'Enter');
    await rita.waitForSelector('article pre');
    assert.equal(await rita.textContent('article pre'), 'const fence = `\n```\n`;');

    const lines = Array.from({ length: 6_000 }, (_, i) => `line ${i} of a long text`).join('\n');
    await drop('long.txt', lines);
    await rita.waitForSelector('.hint >> text=it goes out as 5');
    await rita.press('textarea', 'Enter');
    await until('all of it', () => heard.length === 6, 15_000);
    assert.equal(heard.slice(1).flat().join('\n'), lines);

    const pasted = `${'字'.repeat(9_000)} end`;
    await rita.evaluate(`navigator.clipboard.writeText('${pasted}')`);
    await rita.press('textarea', 'Control+v');
    await until('the paste', async () => (await field()) === pasted);
    await rita.press('textarea', 'Enter');
    await until('the paste at the other side', () => heard.length === 7);
    assert.equal(heard[6]?.join('').replaceAll('\n', ''), pasted);
    await rita.waitForSelector('article:last-of-type >> text=Show all');
    await rita.click('article:last-of-type >> text=Show all');
    await rita.waitForSelector('article:last-of-type >> text=end');
    await context.close();
  });

  it('takes a text file by a button where a finger is, and has no button where a mouse drops it', async () => {
    const context = await chat.newContext({
      hasTouch: true,
      isMobile: true,
      viewport: { width: 360, height: 640 },
    });
    const ugo = await chat.logIn('ugo', context);
    await opened(ugo, 'Everybody');
    const button = ugo.getByRole('button', { name: 'Write the content of a text file' });
    const choose = async (content: string): Promise<void> => {
      const asked = ugo.waitForEvent('filechooser');
      await button.tap();
      await (await asked).setFiles({
        name: 'list.txt',
        mimeType: 'text/plain',
        buffer: Buffer.from(content),
      });
    };
    await choose('eggs');
    await until('the file', async () => (await ugo.inputValue('textarea')) === 'eggs');
    // The same file once more, as somebody does who has changed it.
    await choose('milk');
    await until('both', async () => (await ugo.inputValue('textarea')) === 'eggs\nmilk');
    await context.close();

    const vera = await chat.logIn('vera');
    await opened(vera, 'Everybody');
    assert.equal(await vera.locator('.composer .file').isVisible(), false);
    await vera.context().close();
  });

  it('tells of messages beside the page, one notification for each conversation, which leads there', async () => {
    const context = await chat.newContext({ permissions: ['notifications'] });
    const tina = await chat.logIn('tina', context);
    await tina.waitForFunction('navigator.serviceWorker.controller !== null');
    await using ulf = await chat.program('ulf');
    const to = { user: (await ulf.users.byName('tina')).userId };
    const shown = (): Promise<string[]> => tina.evaluate(NOTIFICATIONS);
    // Somebody who looks at the page needs none.
    await ulf.send(to, 'seen');
    await tina.waitForSelector('.row .badge');
    assert.deepEqual(await shown(), []);
    await lookAway(tina);
    const [worker] = context.serviceWorkers();
    assert.ok(worker);
    // Nor somebody who looks at another tab.
    const second = await context.newPage();
    await second.goto(chat.url);
    await second.waitForSelector('.row .badge >> text=1');
    await ulf.send(to, 'seen in the other tab');
    await tina.waitForSelector('.row .badge >> text=2');
    await worker.evaluate('self.clients.matchAll()');
    assert.deepEqual(await shown(), []);
    await second.close();
    await ulf.send(to, 'one');
    await ulf.send(to, 'two\u202e <b>');
    await until('the notification', async () => (await shown()).join() === 'ulf: two  <b>');
    assert.equal(await tina.title(), '(4) CIM chat');

    await worker.evaluate(CLICK);
    await tina.waitForSelector('article.other >> text=two');
    assert.deepEqual(await shown(), []);
    // Back at the page, nothing stays beside it.
    await ulf.send(to, 'three');
    await until('the notification', async () => (await shown()).length === 1);
    await tina.evaluate('dispatchEvent(new Event("focus"))');
    await until('it goes', async () => (await shown()).length === 0);
    await context.close();
  });

  it('shows who is online, comes back to a conversation after a reload, and goes back to the list', async () => {
    const vera = await chat.logIn('vera', await chat.newContext({ viewport: { width: 360, height: 640 } }));
    // Somebody for whom there is nothing yet is told what to do.
    await vera.waitForSelector('.sidebar >> text=Welcome');
    const will = await chat.program('will');
    await vera.click('.sidebar >> text=Write to everybody');
    await vera.click('[aria-label="Online now"]');
    await vera.waitForSelector('dialog >> text=Online now');
    await vera.click('.people >> text=will');
    await vera.waitForSelector('.standing.online >> text=online');
    await say(vera, 'are you there?');
    await vera.waitForSelector('.progress.delivered');
    await will.logout();
    await vera.reload();
    await vera.waitForSelector('article >> text=are you there?');
    await vera.waitForSelector('.standing >> text=offline');
    await vera.goBack();
    await vera.waitForSelector('.sidebar .row >> text=will');
    assert.equal(await vera.locator('.conversation').count(), 0);
    await vera.click('.row:has-text("will")');
    await vera.click('[aria-label="Back to the conversations"]');
    await vera.waitForSelector('.sidebar .row >> text=will');
    assert.deepEqual(await texts(vera), []);
    await vera.context().close();
  });

  it('never complained', () => {
    assert.deepEqual(chat.complaints, []);
  });
});

async function opened(page: Page, name: string): Promise<Page> {
  await page.click(`.row:has-text("${name}")`);
  await page.waitForSelector('textarea');
  return page;
}

/** Presses Tab until what has this label, text or value has the focus. */
async function tabTo(page: Page, label: string): Promise<void> {
  for (let presses = 0; presses < 40; presses++) {
    if ((await page.evaluate<string>(FOCUSED)) === label) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`Tab does not lead to "${label}"`);
}

const IS_END_IN_VIEW = `(({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight < 40)(
  document.querySelector('.history'),
)`;

const FOCUSED = `(({ ariaLabel, textContent, value }) => ariaLabel || textContent || value || '')(document.activeElement)`;

/** Playwright has each page believe that it is looked at. */
async function lookAway(page: Page): Promise<void> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Emulation.setFocusEmulationEnabled', { enabled: false });
  const other = await page.context().newPage();
  await other.bringToFront();
  await page.evaluate('document.hasFocus = () => false');
}

/** In the page: a file comes from outside, onto the messages. */
const DROP = `(name, text) => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([text], name));
  for (const event of ['dragover', 'drop']) {
    const init = { dataTransfer, bubbles: true, cancelable: true };
    document.querySelector('.history').dispatchEvent(new DragEvent(event, init));
  }
}`;

/** In the page: what is shown beside it. */
const NOTIFICATIONS = `navigator.serviceWorker.ready
  .then((registration) => registration.getNotifications())
  .then((all) => all.map(({ title, body }) => title + ': ' + body))`;

/** In the worker: a click on the notification. No person has clicked, so that no window may be focused. */
const CLICK = `self.registration.getNotifications().then(([notification]) => {
  self.dispatchEvent(new NotificationEvent('notificationclick', { notification }));
})`;
