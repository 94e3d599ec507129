/** For each family of rules a server that breaks one of its rules. */
import { bytesField, fieldsOf, numberField } from '@cim/testkit/raw';
import type { Lies, Said } from './liar.ts';
import { type BodyName, type Fields as FrameFields, ownBody, ownFrame, parseOwnFrame } from './own/frames.ts';

interface Lie {
  /** The rule that is broken. */
  readonly rule: string;
  /** Rules of the family that are not checked against this server, since they take long. */
  readonly besides?: readonly string[];
  readonly lies: () => Lies;
}

type Fields = Readonly<Record<string, unknown>>;

/** Changes answers of JSON to some paths. */
const answers =
  (path: RegExp, change: (said: Fields, asked: string, status: number) => Fields | undefined) =>
  (at: string, asked: string, said: Said): Said => {
    if (!path.test(at) || said.text === '') return said;
    const changed = change(JSON.parse(said.text) as Fields, asked, said.status);
    return changed === undefined ? said : { ...said, text: JSON.stringify(changed) };
  };

const text = (body: Buffer, from: string, to: string): Buffer[] => [
  Buffer.from(body.toString('latin1').replace(from, to), 'latin1'),
];

const cim: readonly Lie[] = [
  {
    rule: 'cim/envelope/reqno-echoed',
    lies: () => ({ answer: answers(/./, (said) => ({ ...said, reqNo: null })) }),
  },
  {
    rule: 'cim/names/existing-name-same-account',
    besides: ['cim/names/words-of-programs'],
    lies: () => {
      const seen = new Set<string>();
      const answer = answers(/registerAccount/, (said, asked) => {
        const { userName } = JSON.parse(asked) as { userName: string };
        const account = said['dataBody'] as { userId: number } | null;
        if (account === null || !seen.has(userName)) {
          seen.add(userName);
          return undefined;
        }
        return { ...said, dataBody: { ...account, userId: account.userId + 1 } };
      });
      return { answer };
    },
  },
  {
    rule: 'cim/errors/unknown-path-404',
    lies: () => ({
      answer: answers(/./, (said, _, status) =>
        status === 404 ? { ...said, message: 'no\nsuch path' } : undefined,
      ),
    }),
  },
  {
    rule: 'cim/online/listed-while-online',
    lies: () => ({
      answer: answers(/onlineUser/, (said) => ({
        ...said,
        dataBody: (said['dataBody'] as { userName: string }[]).map((user) => ({
          ...user,
          userName: user.userName.toUpperCase(),
        })),
      })),
    }),
  },
  {
    rule: 'cim/login/second-login-5000',
    lies: () => ({
      answer: answers(/login/, (said) => {
        const place = { ip: '127.0.0.1', cimServerPort: 1, httpPort: 1 };
        return said['code'] === '5000' ? { ...said, code: '9000', dataBody: place } : undefined;
      }),
    }),
  },
  {
    rule: 'cim/logout/offline-closes-and-frees',
    lies: () => ({ answer: answers(/offLine/, (said) => ({ ...said, code: '7100' })) }),
  },
  { rule: 'cim/heartbeat/pong-bytes', lies: () => ({ frame: (body) => text(body, 'pong', 'gnop') }) },
  {
    rule: 'cim/frames/no-frame-closes',
    lies: () => ({ lastBytes: Buffer.from('080a04706f6e671802', 'hex') }),
  },
  {
    // CIM cuts a text at its second `;;`.
    rule: 'cim/p2p/text-unchanged',
    lies: () => ({ frame: (body) => text(body, 'a;;b;;c', 'a;;b;;;') }),
  },
  {
    rule: 'cim/offline/stored-in-order',
    besides: ['cim/offline/eight-frames-in-100-ms'],
    lies: () => ({ frame: (body) => [Buffer.concat(parts(body).reverse())] }),
  },
  {
    rule: 'cim/group/batch-one-frame',
    besides: ['cim/group/slow-reader-harms-nobody'],
    lies: () => ({
      frame: (body) => {
        const batch = parts(body).filter((_, i) => fieldsOf(body)[i]?.field === 5);
        if (batch.length < 2) return [body];
        const others = parts(body).filter((_, i) => fieldsOf(body)[i]?.field !== 5);
        return batch.map((item) => Buffer.concat([...others, item]));
      },
    }),
  },
];

/** The fields of a frame of CIM, each as bytes. */
const parts = (body: Buffer): Buffer[] =>
  fieldsOf(body).map(({ field, number, bytes }) =>
    field === 2 || field === 3 ? numberField(field, number) : bytesField(field, bytes),
  );

/** Changes the frames of our wire that have this body. */
const frames = (wanted: BodyName, change: (fields: FrameFields) => FrameFields) => (): Lies => ({
  frame: (bytes) => {
    const { body, fields } = parseOwnFrame(bytes);
    return [body === wanted ? ownBody(body, { ...fields, ...change(fields) }) : bytes];
  },
});
const streams = (fields: FrameFields): readonly FrameFields[] => fields['streams'] as readonly FrameFields[];
const entriesOf = (fields: FrameFields): readonly FrameFields[] =>
  fields['entries'] as readonly FrameFields[];

const own: readonly Lie[] = [
  { rule: 'own/login/welcome', lies: frames('welcome', ({ epoch }) => ({ epoch: Number(epoch) + 1 })) },
  {
    rule: 'own/login/frames-before-welcome',
    lies: frames('goaway', ({ reason }) => ({ reason: reason === 106 ? 103 : reason })),
  },
  {
    rule: 'own/logout/offline-105',
    lies: frames('goaway', ({ reason }) => ({ reason: reason === 105 ? 104 : reason })),
  },
  {
    rule: 'own/heartbeat/ping-pong',
    lies: () => ({ frame: (bytes) => (parseOwnFrame(bytes).body === 'pong' ? [ownBody('ping')] : [bytes]) }),
  },
  { rule: 'own/frames/no-frame-closes', lies: () => ({ lastBytes: ownFrame('pong') }) },
  {
    rule: 'own/errors/bodies-of-servers-106',
    lies: frames('goaway', ({ reason }) => ({ reason: reason === 106 ? 101 : reason })),
  },
  {
    rule: 'own/resume/lost-cursor-reset',
    lies: frames('resumed', (fields) => ({
      streams: streams(fields).map((one) => (one['answer'] === 1 ? { ...one, answer: 0 } : one)),
    })),
  },
  {
    rule: 'own/deliver/in-order-without-holes',
    lies: frames('deliver', (fields) => ({
      entries: entriesOf(fields).map((one) => ({ ...one, prev: 'x' })),
    })),
  },
  {
    rule: 'own/acks/sender-hears-delivered',
    besides: ['own/acks/unacked-comes-again'],
    lies: frames('delivered', ({ seq }) => ({ seq: Number(seq) + 1 })),
  },
  {
    rule: 'own/send/gap',
    lies: frames('receipt', ({ outcome }) => ({ outcome: outcome === 3 ? 1 : outcome })),
  },
  {
    rule: 'own/copies/receipt-delivers-copy',
    lies: frames('receipt', ({ copy }) => ({ copy: copy === undefined ? copy : Number(copy) + 1 })),
  },
  {
    rule: 'own/duplicates/other-content-3000',
    lies: frames('receipt', ({ outcome, code }) =>
      code === '3000' ? { outcome: 0, code: '' } : { outcome },
    ),
  },
  {
    rule: 'own/contents/level-0-is-sent-07',
    lies: frames('deliver', (fields) => ({
      entries: entriesOf(fields).map((one) =>
        Buffer.from([7]).equals(one['content'] as Buffer) ? { ...one, content: Buffer.alloc(0) } : one,
      ),
    })),
  },
  {
    rule: 'own/groups/sender-too',
    lies: frames('deliver', (fields) => ({
      entries: entriesOf(fields).map((one) => ({ ...one, producer: 'x' })),
    })),
  },
  { rule: 'own/signals/typing', lies: frames('signal', ({ sender }) => ({ sender: Number(sender) + 1 })) },
  { rule: 'own/asks/find', lies: frames('found', ({ last }) => ({ last: Number(last ?? 0) + 1 })) },
];

/** Changes bytes that come from the server of a WebSocket. */
const replaced = (from: string | readonly number[], to: string | readonly number[]) => (): Lies => ({
  bytes: (bytes) => {
    const wanted = Buffer.from(from as string);
    const at = bytes.indexOf(wanted);
    if (at < 0) return bytes;
    return Buffer.concat([
      bytes.subarray(0, at),
      Buffer.from(to as string),
      bytes.subarray(at + wanted.length),
    ]);
  },
});

const ws: readonly Lie[] = [
  { rule: 'ws/handshake/subprotocol', lies: replaced('Protocol: cim.v2', 'Protocol: cim.v1') },
  { rule: 'ws/origin/other-pages-403', lies: replaced('HTTP/1.1 403', 'HTTP/1.1 400') },
  // 1003 and 1002 as they are in a close frame.
  { rule: 'ws/messages/text-1003', lies: replaced([0x03, 0xeb], [0x03, 0xea]) },
  // 4103 and 4104.
  { rule: 'ws/close/4000-plus-reason', lies: replaced([0x10, 0x07], [0x10, 0x08]) },
  { rule: 'ws/pings/answered', lies: replaced('are you there?', 'are you where?') },
];

const v1: readonly Lie[] = [
  {
    rule: 'v1/accounts/created-201',
    lies: () => ({ answer: answers(/accounts/, (said) => ({ ...said, id: Number(said['id']) })) }),
  },
  {
    rule: 'v1/bearer/session-of-login',
    lies: () => ({ answer: (_, __, said) => (said.status === 409 ? { ...said, status: 400 } : said) }),
  },
  {
    rule: 'v1/problems/form',
    lies: () => ({
      answer: answers(/messages/, (said) =>
        said['code'] === '9401' ? { ...said, detail: 'two\nlines' } : undefined,
      ),
    }),
  },
  {
    rule: 'v1/limits/pages',
    lies: () => ({
      answer: answers(/conversations\?limit=2/, (said) => {
        const items = said['items'] as readonly unknown[];
        return { ...said, items: [...items, ...items] };
      }),
    }),
  },
  {
    rule: 'v1/send/created-201',
    lies: () => ({
      answer: answers(/v1\/messages/, (said) =>
        said['storedAt'] === undefined ? said : { ...said, storedAt: 'now' },
      ),
    }),
  },
  {
    rule: 'v1/idempotency/repeated-once',
    lies: () => {
      const seen = new Set<unknown>();
      return {
        answer: answers(/v1\/messages/, (said) => {
          const isAgain = seen.has(said['id']);
          seen.add(said['id']);
          return isAgain ? { ...said, seq: Number(said['seq']) + 1 } : said;
        }),
      };
    },
  },
  {
    rule: 'v1/history/both-sides',
    lies: () => ({
      answer: answers(/u\d+\/messages$/, (said) => ({
        ...said,
        items: (said['items'] as unknown[]).reverse(),
      })),
    }),
  },
  {
    rule: 'v1/conversations/unread-and-read-mark',
    lies: () => ({
      answer: answers(/read$/, (said, asked) => (asked === '{"n":1}' ? { unread: 2, read: 1 } : said)),
    }),
  },
  {
    rule: 'v1/groups/members-read-and-write',
    lies: () => ({ answer: answers(/groups$/, (said) => ({ ...said, owner: '1' })) }),
  },
];

export const LIES: readonly Lie[] = [...cim, ...own, ...ws, ...v1];
