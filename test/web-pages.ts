/** The web chat in a real Chromium, as `npm start` serves it: what its tests share. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CimClient } from '@cim/client/node';
import {
  type Browser,
  type BrowserContext,
  freePorts,
  launchChromium,
  type Page,
  ServerProcess,
} from '@cim/testkit';

export type ContextOptions = Parameters<Browser['newContext']>[0];

/** A server with the web chat, and browsers in front of it. */
export class WebChat {
  readonly browser: Browser;
  /** What pages have complained about: refused by their policy, thrown, or asked of another host. */
  readonly complaints: string[] = [];
  readonly #ownsBrowser: boolean;
  readonly #dataDir: string;
  readonly #env: Readonly<Record<string, string>>;
  #server: ServerProcess;

  private constructor(
    browser: Browser,
    ownsBrowser: boolean,
    server: ServerProcess,
    dataDir: string,
    env: Readonly<Record<string, string>>,
  ) {
    this.browser = browser;
    this.#ownsBrowser = ownsBrowser;
    this.#server = server;
    this.#dataDir = dataDir;
    this.#env = env;
  }

  /**
   * @param given settings of the server beside those that each test has
   * @param of whose browser is used; undefined: one of its own
   */
  static async start(given: Readonly<Record<string, string>> = {}, of?: WebChat): Promise<WebChat> {
    const dataDir = await mkdtemp(join(tmpdir(), 'cim-web-'));
    const [route, tcp] = await freePorts(2);
    const env = {
      CIM_DATA_DIR: dataDir,
      CIM_SESSION_POLICY: 'devices',
      CIM_ROUTE_PORT: String(route),
      CIM_TCP_PORT: String(tcp),
      ...given,
    };
    const [server, browser] = await Promise.all([
      ServerProcess.start('standalone', env, Infinity),
      of?.browser ?? launchChromium(),
    ]);
    return new WebChat(browser, of === undefined, server, dataDir, env);
  }

  get url(): string {
    return this.#server.routeUrl;
  }

  async stop(): Promise<void> {
    if (this.#ownsBrowser) await this.browser.close();
    await this.#server.end();
    await rm(this.#dataDir, { recursive: true, force: true });
  }

  killServer(): Promise<unknown> {
    return this.#server.end('SIGKILL');
  }

  async startServer(): Promise<void> {
    this.#server = await ServerProcess.start('standalone', this.#env, Infinity);
  }

  /** A browser of its own. */
  async newContext(options: ContextOptions = {}): Promise<BrowserContext> {
    const context = await this.browser.newContext({ locale: 'en-GB', ...options });
    context.on('weberror', (error) => this.complaints.push(String(error.error())));
    context.on('console', (message) => {
      // A server that is away, or refuses a login, is no fault of the page.
      if (message.type() === 'error' && !/ERR_|Failed to load|WebSocket/.test(message.text()))
        this.complaints.push(message.text());
    });
    context.on('request', (request) => {
      if (!request.url().startsWith(this.url)) this.complaints.push(`asked for ${request.url()}`);
    });
    const { hostname } = new URL(this.url);
    context.on('page', (page) =>
      page.on('websocket', (socket) => {
        if (new URL(socket.url()).hostname !== hostname) this.complaints.push(`opened ${socket.url()}`);
      }),
    );
    return context;
  }

  /** A new tab that logs in, in a browser of its own when none is given. */
  async logIn(name: string, context?: BrowserContext): Promise<Page> {
    const page = await (context ?? (await this.newContext())).newPage();
    await page.goto(this.url);
    await page.fill('input[name=name]', name);
    await page.click('button[type=submit]');
    await page.waitForSelector('.app');
    return page;
  }

  /** A user with a program instead of a browser. */
  async program(userName: string, options: { readonly password?: string } = {}): Promise<CimClient> {
    const client = new CimClient({ routeUrl: this.url, userName, ...options });
    await client.connect();
    return client;
  }
}

export async function say(page: Page, text: string): Promise<void> {
  await page.fill('textarea', text);
  await page.press('textarea', 'Enter');
}

/** Opens the conversation with a user by name. */
export async function chatWith(page: Page, name: string): Promise<void> {
  await page.click('[aria-label="New conversation"]');
  await page.fill('dialog input', name);
  await page.press('dialog input', 'Enter');
  await page.waitForSelector('textarea');
}

export const texts = (page: Page): Promise<string[]> => page.locator('article .body').allTextContents();
