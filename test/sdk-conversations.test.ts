/** Groups and devices of a user as the SDK has them, in a cluster of real processes whose im-server is killed meanwhile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Storage, CimClient, memoryState } from '@cim/client/node';
import { Cluster, until } from '@cim/testkit';

const said = (seen: readonly string[]): string => seen.join('\n');

/** What a client was offered, as lines, from before it connects. */
function follow(client: CimClient): string[] {
  const seen: string[] = [];
  client.on('message', ({ from, own, texts, group }) => {
    seen.push(`${own ? 'own' : from.userName} ${group === undefined ? '' : '#'}${texts.join()}`);
  });
  client.on('members', ({ op, users }) => {
    seen.push(`${op} ${users.map(({ userName }) => userName).join()}`);
  });
  return seen;
}

async function stored(answer: ReturnType<CimClient['send']>): Promise<void> {
  assert.equal((await answer).outcome, 'stored');
}

test('conversations', async (t) => {
  await using cluster = await Cluster.start({
    routes: 1,
    imServers: 2,
    env: { CIM_SESSION_POLICY: 'devices' },
  });
  const routeUrl = cluster.routes[0]?.routeUrl ?? '';
  const clients: CimClient[] = [];
  t.after(() => Promise.all(clients.map((client) => client.close())));
  const join = async (userName: string, state: Storage = memoryState()) => {
    const client = new CimClient({ routeUrl, userName, state });
    clients.push(client);
    const seen = follow(client);
    await client.connect();
    return { client, seen, id: client.user?.userId ?? 0 };
  };

  await t.test(
    'a member sees a group from its join to its removal, once and in order, away or not',
    async () => {
      const eve = await join('eve');
      const finns = memoryState();
      const finn = await join('finn', finns);
      const { id } = await eve.client.groups.create({ name: 'Lunch' });
      const lunch = eve.client.conversation({ group: id });
      await stored(lunch.send('before'));
      await finn.client.close();
      await eve.client.groups.add(id, [finn.id]);
      await stored(lunch.send('welcome'));

      const second = await join('finn', finns);
      await until('what came while he was away', () => second.seen.length === 2);
      await stored(lunch.send('live'));
      await stored(second.client.conversation({ group: id }).send('thanks'));
      await until('the live one', () => second.seen.length === 3);
      const [server] = cluster.imServers;
      await server?.end();
      await stored(lunch.send('after the kill'));
      await until('what came after the kill', () => second.seen.length === 4);
      await second.client.close();

      await stored(lunch.send('missed'));
      await eve.client.groups.remove(id, finn.id);
      await stored(lunch.send('without him'));
      await eve.client.groups.add(id, [finn.id]);
      await stored(lunch.send('again'));
      const third = await join('finn', finns);
      await until('what is of the new membership', () => third.seen.includes('eve #again'));
      await stored(lunch.send('last'));
      await until('the last', () => third.seen.includes('eve #last'));
      assert.equal(said(second.seen), said(['add finn', 'eve #welcome', 'eve #live', 'eve #after the kill']));
      const away = ['eve #missed', 'remove finn', 'add finn', 'eve #again'];
      assert.equal(said(third.seen), said([...away, 'eve #last']));
      assert.ok(eve.seen.includes('finn #thanks'));
      await Promise.all([eve.client.close(), third.client.close()]);
      await cluster.startImServer();
      await cluster.untilListed(2);
    },
  );

  await t.test(
    'what a client has scheduled comes at its time, to its other devices too; its sender is told of what is refused',
    async () => {
      const [ivy, tablet, jim] = [await join('ivy'), await join('ivy'), await join('jim')];
      const unsent: string[] = [];
      for (const { client } of [ivy, tablet])
        client.on('unsent', ({ id, code }) => void unsent.push(`${id} ${code}`));
      const later = await ivy.client.scheduled.send({ user: jim.id }, 'later', { sendAfter: 1 });
      await jim.client.blocks.add(ivy.id);
      await until('both devices are told', () => unsent.length === 2);
      assert.deepEqual(unsent, [`${later.id} 9501`, `${later.id} 9501`]);
      const [refused] = await ivy.client.scheduled.list();
      assert.deepEqual([refused?.state, refused?.problem?.code], ['refused', '9501']);
      await ivy.client.scheduled.cancel(later.id);
      await jim.client.blocks.remove(ivy.id);
      await ivy.client.scheduled.send({ user: jim.id }, 'now', { sendAt: new Date() });
      await until('it is shown', () => [jim, ivy, tablet].every(({ seen }) => seen.length === 1));
      assert.deepEqual([jim.seen, ivy.seen, tablet.seen], [['ivy now'], ['own now'], ['own now']]);
      // The devices may have the message before the server has noted that it was sent.
      await until('it waits no longer', async () => (await ivy.client.scheduled.list()).length === 0);
      await Promise.all([ivy, tablet, jim].map(({ client }) => client.close()));
    },
  );

  await t.test(
    'each device of a user is shown once what others say and what the other device sends',
    async () => {
      const phones = memoryState();
      const [phone, laptop, hana] = [await join('gus', phones), await join('gus'), await join('hana')];
      const toHana = { user: hana.id };
      await stored(phone.client.send(toHana, 'from the phone'));
      await stored(laptop.client.send(toHana, 'from the laptop'));
      await stored(hana.client.send({ user: phone.id }, 'to both'));
      await until('all of it', () => phone.seen.length === 2 && laptop.seen.length === 2);
      await phone.client.close();
      await stored(laptop.client.send(toHana, 'phone is away'));
      await stored(hana.client.send({ user: phone.id }, 'still there?'));
      await Promise.all(cluster.imServers.filter((server) => !server.ended).map((server) => server.end()));
      await cluster.startImServer();
      const again = await join('gus', phones);
      await until('what the phone has missed', () => again.seen.length === 2);
      await stored(again.client.send(toHana, 'back'));
      await until('the last on the laptop', () => laptop.seen.includes('own back'));
      await until('the last at hana', () => hana.seen.includes('gus back'));
      assert.equal(
        said([...phone.seen, ...again.seen]),
        said(['own from the laptop', 'hana to both', 'own phone is away', 'hana still there?']),
      );
      assert.equal(
        said(laptop.seen),
        said(['own from the phone', 'hana to both', 'hana still there?', 'own back']),
      );
      const { items } = await again.client.conversation(toHana).messages();
      assert.deepEqual(
        items.map(({ texts }) => texts.join()),
        ['from the phone', 'from the laptop', 'to both', 'phone is away', 'still there?', 'back'],
      );
      await Promise.all([again, laptop, hana].map(({ client }) => client.close()));
    },
  );
});
