import { createServer, request as ask } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, chromium } from 'playwright-core';

export type { Browser, BrowserContext, Page } from 'playwright-core';

/** Path of Debian's Chromium. */
const CHROMIUM = '/usr/bin/chromium';

/** Starts a real Chromium without a window. Start it once for many tests, since it takes a second. */
export const launchChromium = (): Promise<Browser> =>
  chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });

/** A site with the pages of a test, and behind it a route: to a browser both are one origin. */
export class Site {
  readonly url: string;
  readonly #server: ReturnType<typeof createServer>;

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /**
   * @param pages key: path. Value: content and its type
   * @param routeUrl where all other requests go; a function, since a restarted server may have moved
   */
  static async start(
    pages: Readonly<Record<string, { readonly type: string; readonly body: string | Uint8Array }>>,
    routeUrl: () => string,
  ): Promise<Site> {
    const server = createServer((request, response) => {
      const page = pages[new URL(request.url ?? '/', 'http://site').pathname];
      if (page !== undefined) {
        response.setHeader('content-type', page.type);
        response.end(page.body);
        return;
      }
      const { method, headers, url = '/' } = request;
      const onward = ask(routeUrl() + url, { method: method ?? 'GET', headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      onward.on('error', () => response.destroy());
      request.pipe(onward);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Site(server);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
