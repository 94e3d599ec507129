/** For each family of rules a server that breaks one of its rules. */
import { bytesField, fieldsOf, numberField } from '@cim/testkit/raw';
import type { Lies, Said } from './liar.ts';

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
    if (!path.test(at)) return said;
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

export const LIES: readonly Lie[] = [...cim];
