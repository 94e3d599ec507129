/**
 * HTTP of the load: keep-alive connections to one route, with one request under way on each, and JSON both
 * ways.
 */
import { Client } from 'undici';

/** `status` is 0 when the connection failed; the body is then ''. */
export type OnAnswer = (status: number, body: string) => void;

const REQUEST = { method: 'POST', headers: { 'content-type': 'application/json' } } as const;

/** A lane is one connection: requests of one lane keep their order. */
export class HttpPool {
  readonly #lanes: Client[];

  constructor(url: string, connections: number) {
    const { origin } = new URL(url);
    this.#lanes = Array.from({ length: connections }, () => new Client(origin, { pipelining: 1 }));
  }

  post(lane: number, path: string, body: unknown, onAnswer: OnAnswer): void {
    const client = this.#lanes[lane % this.#lanes.length];
    if (client === undefined) throw new Error('a pool without connections');
    void client
      .request({ ...REQUEST, path, body: JSON.stringify(body) })
      .then(async (answer) => ({ status: answer.statusCode, text: await answer.body.text() }))
      .catch(() => ({ status: 0, text: '' }))
      .then(({ status, text }) => onAnswer(status, text));
  }

  /** Resolves with `dataBody`. */
  async call(lane: number, path: string, body: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.post(lane, path, body, (status, text) => {
        const answer = readEnvelope(text);
        if (status === 200 && answer.code === '9000') resolve(answer.dataBody);
        else reject(new Error(`${path}: ${status === 0 ? 'no answer' : `${status} ${text.slice(0, 200)}`}`));
      });
    });
  }

  end(): void {
    for (const client of this.#lanes) void client.destroy();
  }
}

/** Reads CIM's answer. Fields are missing when the text is no such answer. */
export function readEnvelope(text: string): { code?: unknown; dataBody?: unknown } {
  try {
    return JSON.parse(text) as { code?: unknown; dataBody?: unknown };
  } catch {
    return {};
  }
}
