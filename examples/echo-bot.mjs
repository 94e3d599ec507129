// A bot that answers what it is told: node echo-bot.mjs http://127.0.0.1:8083 echo
import { CimClient, fileState } from '@cim/client/node';

const [routeUrl = 'http://127.0.0.1:8083', userName = 'echo'] = process.argv.slice(2);
const client = new CimClient({
  routeUrl,
  userName,
  state: fileState(`./${userName}.json`, console.error),
});
process.once('SIGINT', () => void client.close());
process.once('SIGTERM', () => void client.close());
client.on('closed', ({ text }) => console.log(`ended: ${text}`));

const messages = client.messages(); // before connect: what came while the bot was away is not missed
await client.connect();
console.log(`${userName} listens`);
for await (const { conversation, group, own, texts } of messages) {
  if (own || group === 'lobby') continue; // the lobby is everybody
  const answer = await client.conversation(conversation).send(texts);
  if (answer.outcome !== 'stored') console.error(`not answered: ${answer.text}`);
}
