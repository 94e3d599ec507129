import { Agent, request as send } from 'node:https';
import { CimError } from '@cim/protocol';
import { codeNameOf } from '../comeback.ts';
import type { HttpExchange, HttpIn } from '../http-caller.ts';
import { tlsProblem, type trustOf } from './trust.ts';

/** An idle connection is closed after this time [ms], sooner than a route closes it. */
const FREE_MS = 4_000;

/** Carries requests over HTTPS. `fetch` accepts no authority from its caller. */
export function httpsExchange(trust: ReturnType<typeof trustOf>): HttpExchange {
  const agent = new Agent({ ...trust, keepAlive: true, timeout: FREE_MS });
  return (url, { body, ...options }) =>
    new Promise<HttpIn>((resolve, reject) => {
      const request = send(url, { ...options, agent }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        answer.once('error', reject);
        answer.once('end', () => {
          const { statusCode: status = 0, headers } = answer;
          if (status >= 300 && status < 400) reject(new Error(`it answers with a redirect (HTTP ${status})`));
          else resolve({ status, text, header: (name) => headers[name]?.toString() });
        });
      });
      request.once('error', (error) => {
        const problem = tlsProblem(error, `the route at ${new URL(url).origin}`);
        reject(
          problem === undefined
            ? timedOut(error, options.signal)
            : new CimError(codeNameOf(problem.reason), problem.text, { cause: error }),
        );
      });
      request.end(body);
    });
}

/** The reason of the signal says more than that it was aborted. */
const timedOut = (error: Error, { aborted, reason }: AbortSignal): Error =>
  aborted && reason instanceof Error ? reason : error;
