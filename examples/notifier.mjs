// Tells a user what a system has to say, a line of its input each, with an API key that has the scope `send` and a user of its own:
// CIM_API_KEY=cim_… node notifier.mjs http://127.0.0.1:8083 bob < alerts.txt
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const [routeUrl = 'http://127.0.0.1:8083', recipient = 'bob'] = process.argv.slice(2);
const key = process.env.CIM_API_KEY;
if (key === undefined) throw new Error('CIM_API_KEY is missing: POST /admin/api-keys makes one');

/** What came, or why not. A route that is away or busy is asked again; what it refuses stays refused. */
async function ask(path, body, headers = {}) {
  for (let pauseMs = 200; ; pauseMs = Math.min(2 * pauseMs, 10_000)) {
    const answer = await fetch(routeUrl + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    }).catch((error) => console.error(`not yet: ${error.cause?.message ?? error.message}`));
    if (answer?.ok) return answer.json();
    if (answer !== undefined && answer.status !== 429 && answer.status < 500) {
      const { code, detail } = await answer.json();
      throw new Error(`refused: ${code} ${detail}`);
    }
    const afterMs = 1_000 * Number(answer?.headers.get('retry-after') ?? 0);
    await sleep(Math.max(pauseMs, afterMs));
  }
}

const { id } = await ask(`/v1/users?name=${encodeURIComponent(recipient)}`);
for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === '') continue;
  // The same key each time that it is asked again: the message is stored once, whatever answers were lost.
  const once = { 'idempotency-key': randomUUID() };
  const stored = await ask('/v1/messages', { to: { user: id }, texts: [line] }, once);
  console.log(`stored ${stored.id}${stored.online ? '' : ' (away)'}`);
}
