// Carries messages between two groups, both ways: node bridge.mjs http://127.0.0.1:8083 bridge 17 42
import { CimClient, fileState } from '@cim/client/node';

const [routeUrl = 'http://127.0.0.1:8083', userName = 'bridge', ...groups] = process.argv.slice(2);
if (groups.length !== 2) throw new Error('give the ids of two groups');
const [left, right] = groups;
const across = new Map([
  [left, right],
  [right, left],
]);

const client = new CimClient({ routeUrl, userName, state: fileState(`./${userName}.json`, console.error) });
client.on('closed', ({ text }) => console.log(`ended: ${text}`));
// The promise is awaited: a message counts as processed when it is stored in the other group. Copies of the bridge's own
// messages are not offered to it, so nothing goes round in circles.
client.on('message', async ({ group, own, from, texts }) => {
  const other = across.get(group);
  if (other === undefined || own || texts.length === 0) return;
  const answer = await client.send({ group: other }, [`${from.userName}: ${texts[0]}`, ...texts.slice(1)]);
  if (answer.outcome === 'refused') console.error(`not carried: ${answer.text}`);
});
await client.connect();
for (const group of groups) await client.groups.join(group);
console.log(`${userName} carries between ${left} and ${right}`);
