/** Values that often cause faults in programs. */
import type { Dice } from './dice.ts';

const NUMBERS: readonly bigint[] = [
  ...[0n, 1n, 2n, -1n, 127n, 128n, 255n, 256n, 16_383n, 16_384n, 65_535n, 65_536n],
  ...[2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n],
  ...[2n ** 63n - 1n, -(2n ** 63n), -(2n ** 31n), -(2n ** 53n), 2n ** 52n],
];

export function hostileNumber(dice: Dice): bigint {
  if (dice.percent(60)) return dice.pick(NUMBERS);
  const bits = dice.between(1, 64);
  return BigInt.asIntN(64, BigInt(dice.below(2 ** 31)) ** 2n % 2n ** BigInt(bits));
}

const TEXTS: readonly string[] = [
  ...[
    '',
    ' ',
    'lobby',
    '0',
    '-',
    '-1',
    '1',
    '007',
    '1e3',
    '9007199254740992',
    '18446744073709551616',
    'NaN',
    'null',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'prototype',
    'then',
    'inbox:1',
    'group:lobby',
  ],
  ...[
    'a:b:c',
    '1:aaaaaaaaaaaaaaaa:1',
    '>',
    'p>1',
    ':',
    '::',
    '*',
    '%',
    '%00',
    '%s%n',
    '../../etc/passwd',
    '{}',
    '[]',
  ],
  ...[
    '\u0000',
    'a\u0000b',
    '\r\n',
    '\u001b[2J',
    '\u202e',
    '\u200b',
    'ﷺ',
    'a\u0301',
    'İ',
    'ß',
    '😀',
    '👨\u200d👩\u200d👧',
    '\ufeff',
  ],
  ...['<script>alert(1)</script>', "' or 1=1 --", '${7*7}', '"', '\\', '&', '\u2028', 'x'.repeat(33)],
];

/** Bytes that are not UTF-8. */
const BROKEN: readonly Buffer[] = [
  ...[
    [0xff],
    [0xc0, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xe2, 0x82],
    [0x80],
    [0xf8, 0x88, 0x80, 0x80, 0x80],
  ],
].map((bytes) => Buffer.from(bytes));

export function hostileText(dice: Dice): string {
  const text = dice.pick(TEXTS);
  if (dice.percent(5)) return text.repeat(dice.between(1, 200));
  return dice.percent(10) ? `${text}${dice.pick(TEXTS)}` : text;
}

/** Bytes of a text, which may not be UTF-8. */
export function hostileBytes(dice: Dice): Buffer {
  if (dice.percent(70)) return Buffer.from(hostileText(dice));
  return dice.percent(50)
    ? Buffer.concat([Buffer.from(hostileText(dice)), dice.pick(BROKEN), Buffer.from('z')])
    : dice.bytes(dice.below(40));
}

export function hostileJson(dice: Dice): string {
  return dice.pick<() => string>([
    () => '['.repeat(dice.between(1, 3_000)),
    () => {
      const levels = dice.between(1, 600);
      return '['.repeat(levels) + ']'.repeat(levels);
    },
    () => {
      const levels = dice.between(1, 300);
      return `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
    },
    () => '{"__proto__":{"admin":true},"constructor":{"prototype":{"a":1}}}',
    () => `{"a":${'9'.repeat(dice.between(1, 400))}}`,
    () => '1e400',
    () => '{"a":1,"a":2}',
    () => '"\\ud800"',
    () => JSON.stringify({ [hostileText(dice)]: hostileText(dice) }),
    () => JSON.stringify(hostileText(dice)),
    () => '',
    () => 'nul',
  ])();
}

/** Changes some bytes, or cuts, doubles or inserts some. */
export function mutated(dice: Dice, of: Buffer): Buffer {
  let bytes = Buffer.from(of);
  for (let times = dice.between(1, 4); times > 0; times--) {
    const at = dice.below(bytes.length + 1);
    switch (dice.below(7)) {
      case 0:
        if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << dice.below(8));
        break;
      case 1:
        if (at < bytes.length) bytes[at] = dice.pick([0, 0x7f, 0x80, 0xff, dice.below(256)]);
        break;
      case 2:
        bytes = bytes.subarray(0, at);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), dice.bytes(dice.between(1, 8)), bytes.subarray(at)]);
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + dice.between(1, 4))]);
        break;
      case 5: {
        const piece = bytes.subarray(at, at + dice.between(1, 16));
        bytes = Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
        break;
      }
      default:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(dice.below(bytes.length + 1))]);
    }
  }
  return bytes;
}
