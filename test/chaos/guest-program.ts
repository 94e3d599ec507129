/**
 * A program with the SDK that writes each entry as a line before the SDK counts it as shown. It is ended by
 * kill -9.
 */
import { writeSync } from 'node:fs';
import { CimClient, fileState } from '@cim/client/node';

const [userName = '', routeUrl = '', path = ''] = process.argv.slice(2);
const write = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`);
const note = (text: string): void => console.error(text);
const client = new CimClient({ routeUrl, userName, state: fileState(path, note) });
client.on('message', ({ group, from, texts, id, conversation }) =>
  write({ texts, id, from: from.userName, group, conversation }),
);
client.on('closed', ({ text }) => write({ closed: text }));
for (;;) {
  try {
    await client.connect();
    break;
  } catch (error) {
    note(String(error));
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
write({ userId: client.user?.userId });
