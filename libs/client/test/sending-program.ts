/** Sends 20 messages, says so and waits to be killed. Arguments: route, state file, what the texts begin with. */
import { CimClient, fileState } from '../src/node/index.ts';

const [routeUrl = '', path = '', begin = ''] = process.argv.slice(2);
const client = new CimClient({ routeUrl, userName: 'alice', state: fileState(path) });
await client.connect();
for (let i = 1; i <= 20; i++) void client.send({ user: 7 }, [`${begin}: ${i}`]);
console.log('offered');
setInterval(() => undefined, 1_000);
