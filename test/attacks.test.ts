/**
 * Attacks on a real server with default limits, each from its own address, while a user at another address
 * logs in, writes and reads. A part of each attack runs with the tests; `npm run attacks` runs the full
 * sizes.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { CODES } from '@cim/protocol';
import { until } from '@cim/testkit';
import { Flooder, HttpAttacker, idleConnections, type RawConnection, times } from './attacks/attackers.ts';
import { dripping, drips } from './attacks/drips.ts';
import { Target } from './attacks/target.ts';
import { Victim } from './attacks/victim.ts';

const isLong = process.env['CIM_ATTACKS'] === 'long';
const SIZES = isLong
  ? { idle: 20_000, passwords: 20, inbox: 20_000, lobby: 20_000, registrations: 5_000, drips: 200 }
  : { idle: 3_000, passwords: 2, inbox: 6_000, lobby: 3_000, registrations: 700, drips: 10 };
const WRONG_AT_ONCE = 100;
/** Extra time for a machine under load to close connections [ms]. */
const SLACK_MS = 8_000;

let target: Target;
let victim: Victim;
/** The slow attacks run beside the others, against a server of their own. */
let slow: Promise<readonly string[]>;
let slowTarget: Target;
let slowVictim: Victim;

before(async () => {
  [target, slowTarget] = await Promise.all([Target.start(false), Target.start(true)]);
  [victim, slowVictim] = await Promise.all([Victim.start(target), Victim.start(slowTarget)]);
  slow = attackSlowly();
  slow.catch(() => undefined);
});
after(async () => {
  await slowVictim[Symbol.asyncDispose]();
  await victim[Symbol.asyncDispose]();
  await slowTarget[Symbol.asyncDispose]();
  await target[Symbol.asyncDispose]();
});

/** Attacks all doors at the same time, each from its own address. */
async function attackSlowly(): Promise<readonly string[]> {
  const lines: string[] = [];
  const attack = drips(slowTarget).map(async (drip, n) => {
    const lastedMs = await dripping(drip, `127.0.1.${n + 1}`, SIZES.drips, SLACK_MS);
    lines.push(
      `${drip.name}: ${SIZES.drips} connections, the last was closed after ${(lastedMs / 1_000).toFixed(1)} s`,
    );
  });
  const told = await slowVictim.during(Promise.all(attack));
  return [told, ...lines];
}

/** Each assertion has its own message, since Node takes a minute to describe one without. */
const holds = (what: string, is: boolean): void => assert.ok(is, what);

/** Runs an attack, and reports what the victim saw of it. */
async function attack(t: TestContext, work: () => Promise<void>): Promise<void> {
  t.diagnostic(await victim.during(work()));
}

const list = (sums: ReadonlyMap<string, number>): string =>
  [...sums].map(([name, count]) => `${name} ${count}`).join(', ');

describe('while somebody attacks, the users of other addresses log in, write and read', () => {
  it('idle connections of one address: few are let in, and the address is suspended', async (t) => {
    const before = await target.connections();
    let all: readonly RawConnection[] = [];
    await attack(t, async () => {
      all = await idleConnections(target, '127.0.0.2', SIZES.idle);
      const open = (await target.connections()) - before;
      const refused = await target.metric('cim_connections_refused_total', 'limit');
      const goodbyes = new Map<string, number>();
      for (const { goodbye = 'none' } of all) goodbyes.set(goodbye, (goodbyes.get(goodbye) ?? 0) + 1);
      t.diagnostic(`${open} at once; refused: ${list(refused)}; goodbyes: ${list(goodbyes)}`);
      // Half of the strangers that the server accepts.
      holds('few are open', open < 400);
      holds('strangers of one address are bounded', (refused.get('strangers-of-address') ?? 0) > 0);
      holds('the others are told why', (goodbyes.get('suspended') ?? 0) > SIZES.idle / 2);
      await until('none is left', () => all.every(({ closed }) => closed), 5_000 + SLACK_MS);
    });
  });

  it('wrong passwords over 100 connections: refused by name before they are checked', async (t) => {
    const http = new HttpAttacker(target, '127.0.0.3', WRONG_AT_ONCE);
    const other = new HttpAttacker(target, '127.0.0.4', 1);
    const { dataBody } = await other.post('/registerAccount', {
      userName: 'friend',
      password: 'correct horse battery',
    });
    other.close();
    const { userId } = dataBody as { userId: number };
    await attack(t, () =>
      times(WRONG_AT_ONCE * SIZES.passwords, WRONG_AT_ONCE, async (n) => {
        const password = `wrong horse ${n}`;
        await http.post('/login', {
          userId,
          userName: 'friend',
          password,
          wire: 2,
          device: 'attackers-device',
        });
      }),
    );
    const one = { userId, userName: 'friend', password: 'wrong horse', wire: 2 };
    const last = await http.post('/login', one);
    http.close();
    t.diagnostic(list(http.answers));
    // By then the limit of wrong passwords holds, or the address is suspended for all that it tried above it.
    assert.match(`${last.code} ${last.message}`, /^6000 .*limit failedLoginOfUser|^9500 suspended/);
    const guesses = http.answers.get(CODES.unknownAccount.code) ?? 0;
    // Ten, and those under way when the tenth was found wrong: at most 32 hashes of an address wait.
    holds(`${guesses} guesses`, guesses >= 10 && guesses <= 60);
    holds('most are refused before', (http.answers.get(`${CODES.limited.code} hashes`) ?? 0) > 0);
  });

  it('a flood of one inbox: 500 messages wait at most, the others are refused by name', async (t) => {
    const http = new HttpAttacker(target, '127.0.0.5', 1);
    const { dataBody } = await http.post('/registerAccount', { userName: 'away' });
    http.close();
    const { userId: away } = dataBody as { userId: number };
    const flooder = await Flooder.start(target, '127.0.0.5', 'inbox-flooder');
    await attack(t, async () => {
      flooder.flood({ to: away }, SIZES.inbox);
      await until('all are answered, or it is closed', () => {
        const answered = [...flooder.receipts.values()].reduce((sum, n) => sum + n, 0);
        return answered === SIZES.inbox || flooder.raw.closed;
      });
    });
    t.diagnostic(`${list(flooder.receipts)}; goodbye: ${flooder.raw.goodbye ?? 'none'}`);
    assert.equal(flooder.receipts.get('stored'), 500);
    holds('some are refused by name', (flooder.receipts.get(`refused ${CODES.inboxShare.code}`) ?? 0) > 0);
    holds('some are refused by name', (flooder.receipts.get('retry sendTo') ?? 0) > 0);
    flooder.raw.socket.destroy();
  });

  it('a flood of the lobby: refused by name above the limit', async (t) => {
    const flooder = await Flooder.start(target, '127.0.0.6', 'lobby-flooder');
    const begun = performance.now();
    await attack(t, async () => {
      flooder.flood({ group: 'lobby' }, SIZES.lobby);
      await until('all are answered, or it is closed', () => {
        const answered = [...flooder.receipts.values()].reduce((sum, n) => sum + n, 0);
        return answered === SIZES.lobby || flooder.raw.closed;
      });
    });
    const seconds = (performance.now() - begun) / 1_000;
    t.diagnostic(`${list(flooder.receipts)}; goodbye: ${flooder.raw.goodbye ?? 'none'}`);
    holds('some are refused by name', (flooder.receipts.get('retry groupSend') ?? 0) > 0);
    // 2,000 at once, and 200 a second.
    holds('the others are bounded', (flooder.receipts.get('stored') ?? 0) <= 2_000 + 200 * seconds);
    flooder.raw.socket.destroy();
  });

  it('registrations without end: refused by name above the limit, and others register', async (t) => {
    const http = new HttpAttacker(target, '127.0.0.7', 20);
    const begun = performance.now();
    await attack(t, () =>
      times(SIZES.registrations, 20, async (n) => {
        await http.post('/registerAccount', { userName: `of-nobody-${n}` });
      }),
    );
    const seconds = (performance.now() - begun) / 1_000;
    http.close();
    t.diagnostic(list(http.answers));
    holds('some are refused by name', (http.answers.get(`${CODES.limited.code} register`) ?? 0) > 0);
    holds('the others are bounded', (http.answers.get(CODES.success.code) ?? 0) <= 600 + seconds);
    const other = new HttpAttacker(target, '127.0.0.8', 1);
    assert.equal((await other.post('/registerAccount', { userName: 'newcomer' })).code, CODES.success.code);
    other.close();
  });

  it('bytes that come drop by drop, at every door: each connection is closed in time', async (t) => {
    for (const line of await slow) t.diagnostic(line);
  });
});
