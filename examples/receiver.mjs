// Receives events of a webhook, checks that they come from CIM, and prints each once. Make the webhook, then give its secret:
// cim admin webhooks create http://127.0.0.1:9000/cim --events 'message.stored,group.*'   (CIM_OUTCALL_HOSTS=127.0.0.1 on the servers)
// WEBHOOK_SECRET=whsec_… node receiver.mjs 9000
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const [port = '9000'] = process.argv.slice(2);
const key = Buffer.from((process.env.WEBHOOK_SECRET ?? '').replace(/^whsec_/, ''), 'base64');
if (key.length < 24) throw new Error('WEBHOOK_SECRET is missing: cim admin webhooks create shows it');
/** An event may come again: a program that must not do it twice keeps the ids on disk, beside what it has done. */
const seen = new Set();

/** Whether the body is signed with our secret, within the last 5 minutes. While a secret is replaced there are two signatures. */
function isSigned({ headers }, body) {
  const [id, timestamp, signatures = ''] = ['id', 'timestamp', 'signature'].map(
    (of) => headers[`webhook-${of}`],
  );
  const expected = Buffer.from(
    createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64'),
  );
  const given = signatures.split(' ').map((one) => Buffer.from(one.replace(/^v1,/, '')));
  const isFresh = Math.abs(Date.now() / 1000 - timestamp) < 300;
  return isFresh && given.some((one) => one.length === expected.length && timingSafeEqual(one, expected));
}

createServer(async (request, response) => {
  const body = Buffer.concat(await request.toArray()).toString();
  if (!isSigned(request, body)) return response.writeHead(401).end();
  const event = JSON.parse(body);
  for (const { id, type, data } of event.type === 'batch' ? event.data : [event]) {
    if (seen.has(id)) continue;
    console.log(`${type} from ${data.from?.name}: ${data.texts?.join(' ') ?? ''}`);
    seen.add(id);
  }
  // Only now: an answer of 2xx says that nobody need tell this again.
  response.writeHead(204).end();
}).listen(port, '127.0.0.1', () => console.log(`listening on ${port}`));
