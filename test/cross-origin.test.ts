/** A page that comes from another origin than the route, in a real Chromium: only one that CIM_ALLOWED_ORIGINS lists may talk. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { CimClient } from '@cim/client/node';
import { launchChromium, Parts, ServerProcess, Site, until } from '@cim/testkit';
import { build } from 'esbuild';

const PAGE = `
  import { CimClient } from '@cim/client/browser';
  globalThis.shown = [];
  globalThis.talk = async (routeUrl, userName, to) => {
    const client = new CimClient({ routeUrl, userName });
    client.on('message', ({ texts }) => shown.push(texts[0]));
    try {
      await client.connect();
      const group = await client.groups.create({ name: 'page', join: 'open' });
      return (await client.send({ user: to }, group.name)).outcome;
    } catch (error) {
      return error.message;
    }
  };
`;

it('a page of a listed origin registers, uses /v1, sends and receives; a page of any other gets nowhere', {
  timeout: 60_000,
}, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'cim-cross-origin-'));
  const bundled = await build({
    stdin: { contents: PAGE, resolveDir: process.cwd() },
    ...{ bundle: true, format: 'esm', platform: 'browser', write: false },
  });
  const pages = {
    '/': { type: 'text/html', body: '<!doctype html><script type="module" src="page.js"></script>' },
    '/page.js': { type: 'text/javascript', body: bundled.outputFiles[0]?.text ?? '' },
  };
  await using parts = new Parts();
  parts.onDown(() => rmSync(dir, { recursive: true, force: true }));
  const nowhere = () => 'http://127.0.0.1:1';
  const [listed, other] = [await Site.start(pages, nowhere), await Site.start(pages, nowhere)];
  parts.onDown(() => Promise.all([listed.stop(), other.stop()]));
  // Another host name, so that the WebSocket is of another host too.
  const [listedUrl, otherUrl] = [listed, other].map(({ url }) => url.replace('127.0.0.1', 'localhost'));
  const server = await parts.add(() =>
    ServerProcess.start('standalone', { CIM_DATA_DIR: dir, CIM_ALLOWED_ORIGINS: listedUrl ?? '' }),
  );
  const browser = await launchChromium();
  parts.onDown(() => browser.close());
  await using ann = new CimClient({ routeUrl: server.routeUrl, userName: 'ann' });
  const heard: string[] = [];
  ann.on('message', ({ texts }) => heard.push(...texts));
  await ann.connect();

  const page = await browser.newPage();
  const talk = async (url: string, userName: string): Promise<string> => {
    await page.goto(url);
    return page.evaluate(
      ([route, name, to]) =>
        (globalThis as never as { talk: (...given: unknown[]) => Promise<string> }).talk(route, name, to),
      [server.routeUrl, userName, ann.user?.userId],
    );
  };
  assert.equal(await talk(listedUrl ?? '', 'pia'), 'stored');
  await until('ann hears it', () => heard.length === 1);
  const pia = await ann.users.find('pia');
  await ann.send({ user: pia?.userId ?? 0 }, 'hello, page');
  await page.waitForFunction(() => (globalThis as never as { shown: string[] }).shown.length === 1);

  assert.match(await talk(otherUrl ?? '', 'eve'), /^cannot reach the route/);
  assert.equal(await ann.users.find('eve'), undefined);
  // The WebSocket of an im-server neither, whatever page it is.
  const opened = await page.evaluate(
    (url) =>
      new Promise((resolve) => {
        const socket = new WebSocket(url, 'cim.v2');
        socket.onopen = () => resolve('open');
        socket.onerror = () => resolve('refused');
      }),
    `ws://127.0.0.1:${server.tcpPort}/cim`,
  );
  assert.equal(opened, 'refused');
});
