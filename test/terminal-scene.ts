/** What the pictures of the terminal show: a group that talks before a release, as alice sees it. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CimClient } from '@cim/client/node';
import { Terminal } from '@cim/testkit';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const GROUP = 'Release team';
/** Of the picture in the documents. */
export const PICTURE = { columns: 104, rows: 18 } as const;

/** Has everybody say what they say. The server must take several devices of a user. */
export async function playScene(routeUrl: string): Promise<void> {
  const people: CimClient[] = [];
  const arrive = async (userName: string): Promise<CimClient> => {
    const client = new CimClient({ routeUrl, userName });
    people.push(client);
    await client.connect();
    return client;
  };
  const [alice, bob, mei, dora] = [
    await arrive('alice'),
    await arrive('bob'),
    await arrive('美玲'),
    await arrive('dora'),
  ];
  const group = await alice.groups.create({
    name: GROUP,
    users: [bob, mei, dora].map((one) => one.user?.userId ?? 0),
  });
  const to = { group: group.id };
  const say = async (who: CimClient, text: string): Promise<string> => {
    const answer = await who.send(to, text);
    if (answer.outcome !== 'stored') throw new Error(answer.text);
    return answer.id;
  };
  await say(bob, 'Morning! The release candidate is up.');
  await say(alice, 'Great. Did the chaos run finish?');
  const done = await say(bob, 'Yes: 40 kills, nothing lost, nothing twice.\nThe log is in the usual place.');
  await say(mei, '太好了！ I read the notes: https://example.com/notes');
  const typo = await say(dora, 'Support knows. alice, will you write the anouncement?');
  await dora.conversation(to).edit(typo, 'Support knows. alice, will you write the announcement?');
  await mei.conversation(to).react(done, '🎉');
  await alice.conversation(to).react(done, '🎉');
  await bob.conversation(to).react(typo, '👍');
  const me = alice.user?.userId ?? 0;
  await mei.send({ group: 'lobby' }, '早上好');
  await bob.send({ user: me }, 'Call me when you are back.');
  await bob.send({ user: me }, 'It can wait.');
  await Promise.all(people.map((one) => one.logout()));
}

/** Opens alice's terminal in that group, with a line half typed. */
export async function openScene(
  routeUrl: string,
  folder: string,
  size: { readonly columns: number; readonly rows: number },
): Promise<Terminal> {
  const name = `${size.columns}x${size.rows}`;
  const program = [process.execPath, join(ROOT, 'dist/cim.js'), 'chat', '--route', routeUrl];
  const terminal = await Terminal.start([...program, '--name', 'alice', '--state-dir', join(folder, name)], {
    ...size,
    cwd: ROOT,
    env: { XDG_CONFIG_HOME: join(folder, name), XDG_STATE_HOME: join(folder, name) },
  });
  try {
    // What is unread is counted, and what stands in the conversation of the start is read.
    await terminal.until((screen) => ['bob 2', '早上好'].every((part) => screen.includes(part)));
    await terminal.enter(`:to #${GROUP}`);
    await terminal.until(`#${GROUP}>`);
    await terminal.until('announcement');
    // From there on who is in the group stands beside it.
    if (size.columns >= 100) await terminal.until('\u2502dora');
    await terminal.type('Then let us ship it this afternoon');
    await terminal.until(/afternoon$/);
    return terminal;
  } catch (error) {
    await terminal.stop();
    throw error;
  }
}

/** Without what differs from day to day, and the numbers of conversations, which they have in the order that news came. */
export const timeless = (screen: string): string =>
  screen
    .split('\n')
    .map((row) => {
      if (/\u2500{3} \w+, \d/.test(row)) return '(a day)';
      return row
        .replace(/\b\d\d:\d\d\b/, '00:00')
        .replace(/\b\d(?=:#| \[)/, '9')
        .replace(/\[\d:/, '[9:')
        .trimEnd();
    })
    .join('\n');
