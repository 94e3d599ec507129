// Saves each message to a file, as a line of JSON, exactly once whenever it is killed:
// node save-bot.mjs http://127.0.0.1:8083 archive messages.jsonl
import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';
import { CimClient, fileState } from '@cim/client/node';

const [routeUrl = 'http://127.0.0.1:8083', userName = 'archive', file = 'messages.jsonl'] =
  process.argv.slice(2);

// The bot may have died in the middle of a line: the message comes again, so half a line is cut off.
// It may have died behind the line and before the SDK knew: then the message comes again, and its id is in the file.
const saved = new Set();
if (existsSync(file)) {
  const bytes = readFileSync(file);
  const whole = bytes.lastIndexOf('\n') + 1;
  truncateSync(file, whole);
  for (const line of bytes.toString('utf8', 0, whole).split('\n').slice(0, -1))
    saved.add(JSON.parse(line).id);
}

const client = new CimClient({ routeUrl, userName, state: fileState(`${file}.state`, console.error) });
client.on('closed', ({ text }) => console.log(`ended: ${text}`));
// What a listener has returned from is processed. One that throws, as when the disk is full, is called again.
client.on('message', ({ id, from, texts, storedAt }) => {
  if (saved.has(id)) return;
  appendFileSync(file, `${JSON.stringify({ id, from: from.userName, texts, storedAt })}\n`);
});
await client.connect();
console.log(`${userName} saves to ${file}`);
