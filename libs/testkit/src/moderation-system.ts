/** A moderation system for tests: a real HTTP server that answers, or fails, as the test says. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ModerationQuestion {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** `data` of the body. */
  readonly data: {
    readonly id: string;
    readonly texts?: readonly string[];
    readonly [field: string]: unknown;
  };
}

type Answer = (question: ModerationQuestion, reply: ServerResponse) => void;

export const answering =
  (answer: unknown): Answer =>
  (_question, reply) =>
    void reply.setHeader('content-type', 'application/json').end(JSON.stringify(answer));

/** Ways of failing, by name. */
export const MODERATION_FAILURES: Readonly<Record<string, Answer>> = {
  'never answers': () => undefined,
  'closes the connection': (_question, reply) => void reply.socket?.destroy(),
  'closes the connection within its answer': (_question, reply) => {
    reply.writeHead(200, { 'content-length': 100 });
    reply.write('{"action":', () => reply.socket?.destroy());
  },
  'answers 500': (_question, reply) => void reply.writeHead(500).end('{"action":"allow"}'),
  'answers with a redirect': (_question, reply) => void reply.writeHead(307, { location: '/' }).end(),
  'answers no JSON': (_question, reply) => void reply.end('allow'),
  'answers nothing': (_question, reply) => void reply.end(),
  'answers a list': answering([]),
  'answers an unknown action': answering({ action: 'delete' }),
  'replaces without texts': answering({ action: 'replace' }),
  'replaces by nothing': answering({ action: 'replace', texts: [] }),
  'replaces by a text that is too long': answering({ action: 'replace', texts: ['x'.repeat(9_000)] }),
  'answers without end': (_question, reply) => void reply.end(`"${'x'.repeat(70_000)}"`),
};

export class ModerationSystem implements AsyncDisposable {
  readonly #server = createServer((request, reply) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const body = Buffer.concat(pieces).toString('utf8');
      const { data } = JSON.parse(body) as Pick<ModerationQuestion, 'data'>;
      const question = { headers: request.headers, body, data };
      this.questions.push(question);
      this.answer(question, reply);
    });
  });
  readonly questions: ModerationQuestion[] = [];
  answer: Answer = answering({ action: 'allow' });
  url = '';

  static async start(): Promise<ModerationSystem> {
    const system = new ModerationSystem();
    system.#server.listen(0, '127.0.0.1');
    await once(system.#server, 'listening');
    system.url = `http://127.0.0.1:${(system.#server.address() as AddressInfo).port}/check`;
    return system;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}
