// npm run screenshots: makes the pictures of the web chat in docs/pictures/. Needs Debian's chromium, and fonts with Chinese
// letters and emoji (fonts-wqy-microhei, fonts-noto-color-emoji).
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { build } from './build.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const pictures = join(root, 'docs', 'pictures');
const BYTES_AT_MOST = 150 * 1024;

await build();
const dataDir = mkdtempSync(join(tmpdir(), 'cim-pictures-'));
const ports = { CIM_ROUTE_PORT: '0', CIM_ROUTE_INTERNAL_PORT: '0', CIM_TCP_PORT: '0', CIM_HTTP_PORT: '0' };
const server = spawn(process.execPath, [join(root, 'dist', 'standalone.js')], {
  env: { ...process.env, ...ports, CIM_DATA_DIR: dataDir, CIM_SESSION_POLICY: 'devices' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const url = await new Promise((resolve, reject) => {
  let said = '';
  server.stdout.on('data', (chunk) => {
    said += chunk;
    const [, found] = /route listening on (\S+)\n[^]*im-server listening/.exec(said) ?? [];
    if (found !== undefined) resolve(found);
  });
  server.on('close', () => reject(new Error('the server has ended')));
});
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
try {
  await makePictures();
} finally {
  await browser.close();
  server.kill();
  rmSync(dataDir, { recursive: true, force: true });
}

async function makePictures() {
  const [alice, bob, mei, dora] = [
    await person('alice'),
    await person('bob'),
    await person('美玲'),
    await person('dora'),
  ];
  const group = await alice.ask('POST', '/groups', {
    name: 'Release team',
    join: 'invite',
    users: [bob.id, mei.id, dora.id],
  });
  await dora.say({ user: alice.id }, 'Lunch at one?');
  await mei.say({ user: alice.id }, '文档已经翻译好了，请看一下 🙂');
  const said = [
    [bob, 'Morning! The release candidate is up.'],
    [alice, 'Great. Did the chaos run finish?'],
    [bob, 'Yes: 40 kills, nothing lost, nothing twice.\n```\nnpm run chaos\n```'],
    [mei, '太好了！ I read the notes: https://example.com/notes'],
    [alice, 'Then let us ship it this afternoon.'],
    [dora, 'I will tell support.'],
  ];
  const ids = [];
  for (const [who, text] of said) ids.push((await who.say({ group: group.id }, text)).id);
  for (const who of [mei, dora]) await who.react({ group: group.id }, ids[4], '🎉');
  await alice.react({ group: group.id }, ids[2], '👍');

  const wide = await open('alice', { viewport: { width: 1080, height: 700 }, colorScheme: 'light' });
  await wide.click('.row:has-text("Release team")');
  await wide.waitForSelector('.reactions');
  await shoot(wide, 'web-chat');
  const narrow = await open('bob', { viewport: { width: 390, height: 700 }, colorScheme: 'dark' });
  await narrow.click('.row:has-text("Release team")');
  await narrow.waitForSelector('.reactions');
  await shoot(narrow, 'web-chat-phone');
}

/** Somebody who speaks over HTTP. */
async function person(name) {
  const call = async (method, path, body, secret) => {
    const headers = {
      'content-type': 'application/json',
      ...(secret && { authorization: `Bearer ${secret}` }),
    };
    const answer = await fetch(`${url}/v1${path}`, { method, headers, body: JSON.stringify(body) });
    const json = await answer.json();
    if (!answer.ok) throw new Error(json.detail);
    return json;
  };
  const { id } = await call('POST', '/accounts', { name });
  const device = randomBytes(12).toString('hex');
  const { secret } = await call('POST', '/sessions', { name, device, label: 'pictures' });
  const ask = (method, path, body) => call(method, path, body, secret);
  return {
    id,
    ask,
    say: (to, text) => ask('POST', '/messages', { to, texts: [text] }),
    react: (to, ref, reaction) => ask('POST', '/messages', { to, type: 'reaction', ref, texts: [reaction] }),
  };
}

async function open(name, options) {
  const context = await browser.newContext({ locale: 'en-GB', ...options });
  const page = await context.newPage();
  await page.goto(url);
  await page.fill('input[name=name]', name);
  await page.click('button[type=submit]');
  return page;
}

async function shoot(page, name) {
  const path = join(pictures, `${name}.png`);
  mkdirSync(pictures, { recursive: true });
  // The mark of the field is no part of the picture.
  await page.evaluate('document.activeElement.blur()');
  await page.mouse.move(0, 0);
  await page.waitForTimeout(1_500);
  await page.screenshot({ path });
  const { size } = statSync(path);
  if (size > BYTES_AT_MOST) throw new Error(`${path} has ${size} bytes, more than ${BYTES_AT_MOST}`);
  console.log(`${path}: ${size} bytes`);
}
