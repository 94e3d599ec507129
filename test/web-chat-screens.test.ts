/** Every screen of the web chat in a real Chromium: nothing that axe-core finds, and nothing beside the edges. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import axe from 'axe-core';
import type { Page } from '@cim/testkit';
import { say, WebChat } from './web-pages.ts';

const LOOKS = [
  { colorScheme: 'light', viewport: { width: 1_400, height: 800 } },
  { colorScheme: 'dark', locale: 'zh-CN', viewport: { width: 800, height: 600 } },
  { colorScheme: 'light', viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true },
] as const;

describe('the screens of the web chat', { timeout: 180_000 }, () => {
  let chat: WebChat;

  before(async () => {
    chat = await WebChat.start();
  });

  after(() => chat.stop());

  for (const look of LOOKS)
    it(`have no violations at ${look.viewport.width} pixels, ${look.colorScheme}, in ${'locale' in look ? look.locale : 'English'}`, async () => {
      const { width } = look.viewport;
      const context = await chat.newContext({ ...look, bypassCSP: true });
      const page = await context.newPage();
      await page.addInitScript(axe.source);
      const kai = await chat.program(`kai-${width}`);
      await page.goto(chat.url);
      await isFine(page, 'the login');
      await page.fill('input[name=name]', '123');
      await page.press('input[name=name]', 'Enter');
      await page.waitForSelector('[role=alert]:not(:empty)');
      await isFine(page, 'a login that is refused');
      await page.fill('input[name=name]', `lea-${width}`);
      await page.press('input[name=name]', 'Enter');
      await page.waitForSelector('.acts >> visible=true');
      await isFine(page, 'the first time');

      await page.click('header .icon-button:last-child');
      await page.waitForSelector(`.people >> text=kai-${width}`);
      await isFine(page, 'a new chat');
      await page.click('dialog .choices button:nth-child(2)');
      await isFine(page, 'a new group');
      await page.click('dialog .choices button:nth-child(3)');
      await page.fill('dialog input', '1');
      await page.press('dialog input', 'Enter');
      await page.waitForSelector('[role=alert]:not(:empty)');
      await isFine(page, 'a group that is not there');
      await page.keyboard.press('Escape');
      await page.waitForSelector('dialog', { state: 'detached' });

      const to = { user: (await kai.users.byName(`lea-${width}`)).userId };
      const group = await kai.groups.create({ name: 'team', users: [to.user] });
      await kai.groups.setRole(group.id, to.user, 'admin');
      await kai.send(
        to,
        `hello\n\`\`\`\ncode that goes on ${'and on '.repeat(30)}\n\`\`\`\nhttps://example.com/`,
      );
      await page.waitForSelector('.row:has(.badge)');
      await isFine(page, 'the list');
      await page.click('header .icon-button:first-child');
      await page.waitForSelector('dialog .me');
      await isFine(page, 'the settings');
      await page.keyboard.press('Escape');
      await page.waitForSelector('dialog', { state: 'detached' });

      await page.click('.row:has(.badge)');
      await say(page, `a long answer: ${'word '.repeat(700)}`);
      await say(page, 'answer');
      await page.waitForSelector('article:last-child .progress.delivered');
      await isFine(page, 'a conversation');
      if ('locale' in look)
        assert.equal(await page.getAttribute('textarea', 'placeholder'), `发送给 kai-${width}`);
      for (const whose of ['other', 'own']) {
        await page.locator(`article.${whose}`).last().hover();
        await page.locator(`article.${whose} [aria-expanded]`).last().click();
        await page.waitForSelector('.menu');
        await isFine(page, `the menu of a message, ${whose}`);
        await page.keyboard.press('Escape');
      }
      await page.locator('article.own [aria-expanded]').last().click();
      await page.click('.menu .quick button');
      await page.waitForSelector('.reactions');
      await page.press('textarea', 'ArrowUp');
      await page.waitForSelector('.about');
      await isFine(page, 'an edit');
      await page.press('textarea', 'Escape');
      await page.keyboard.press('Control+f');
      await page.fill('.search input', 'answer');
      await page.press('.search input', 'Enter');
      await page.waitForSelector('article.found');
      await isFine(page, 'the search');
      await page.press('.search input', 'Escape');

      await page.keyboard.press('Alt+ArrowDown');
      await page.click('.conversation > header .icon-button:last-child');
      await page.waitForSelector(`.people >> text=kai-${width}`);
      await page.click('dialog .danger');
      await page.waitForSelector('dialog footer span');
      await isFine(page, 'a group, which is to be left');
      await page.keyboard.press('Escape');
      await page.waitForSelector('dialog', { state: 'detached' });
      await kai.groups.mute(group.id, to.user);
      await say(page, 'may I?');
      await page.waitForSelector('.failed');
      await isFine(page, 'a message that is refused');
      await kai.logout();

      await context.setOffline(true);
      await page.reload();
      await page.waitForSelector('.app');
      await isFine(page, 'without a network');
      await context.close();
    });
});

async function isFine(page: Page, screen: string): Promise<void> {
  assert.deepEqual(await page.evaluate(FAULTS), [], screen);
}

/** In the page: what axe-core finds, and what can be acted on and does not lie within the window. */
const FAULTS = `(async () => {
  const runOnly = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'];
  // A menu that fades in has other colours until it is there.
  const passing = document.getAnimations().filter((one) => one.effect?.getComputedTiming().endTime !== Infinity);
  await Promise.all(passing.map((one) => one.finished.catch(() => undefined)));
  const { violations } = await axe.run({ runOnly });
  const beside = [...document.querySelectorAll('button, input, textarea, a, dialog, .menu, .banner, .bubble')].filter((one) => {
    const { left, right, width } = one.getBoundingClientRect();
    return width > 0 && one.closest('.unseen, pre') === null && (left < 0 || right > innerWidth);
  });
  return [
    ...violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ': ' + html)),
    ...beside.map(({ outerHTML }) => 'beside the edge: ' + outerHTML.slice(0, 200)),
  ];
})()`;
