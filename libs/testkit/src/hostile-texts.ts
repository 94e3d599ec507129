/**
 * Texts that a stranger builds to make a program slow, and a check that a function reads each of them
 * quickly.
 */
import assert from 'node:assert/strict';
import { createContext, Script } from 'node:vm';
import fc from 'fast-check';

const TEXT_BYTES = 8 * 1024;
/** Most CPU time of a function for a text [ms]: a linear function needs 1, a quadratic one over 50. */
const BOUND_MS = 25;
/**
 * A function is interrupted after this time [ms, wall clock], since an exponential pattern never ends by
 * itself.
 */
const INTERRUPT_MS = 5_000;

/** Characters that matter to separators, patterns, normalization and width tables. */
const UNITS = [
  ...'\r\n\t \u00a0\u3000\u200b\u200d\u202e\ufeff\u0000\u001b;；:：/／?？=.,-_+@&%$[]()"\\a9Bé你吗أ😀❤',
  ...['\u0301', '\u0316', '\u0338', '\ufe0f', '\u{1f3fb}', '\u1100', '\ufdfa', '\ud83d', '\udc00'],
  ...[
    '\r\n',
    ';;',
    '::',
    ':a:',
    ':smile',
    '👨\u200d',
    'a\u0301',
    '0 ',
    ' .',
    '/.',
    '127.',
    'Bearer ',
    'x: 1\n',
  ],
];
const ENDS = ['', 'x', '!', '\u0000', ' ', '\n', ':', '9'];

const repeated = (start: string, unit: string, end: string): string =>
  start + unit.repeat(Math.floor((TEXT_BYTES - 16) / Buffer.byteLength(unit))) + end;

/** Each unit repeated, with an end that most patterns refuse. */
const PLAIN = UNITS.flatMap((unit) => ['', 'x'].map((end) => repeated('', unit, end)));

/** Up to 8 KiB of one short piece, between two others. */
const hostileTexts: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom('', 'x', ...UNITS),
    fc.array(fc.constantFrom(...UNITS), { minLength: 1, maxLength: 4 }).map((units) => units.join('')),
    fc.constantFrom(...ENDS),
  )
  .map(([start, unit, end]) => repeated(start, unit, end));

/**
 * Fails when a function needs more CPU time than a linear one for any such text. It may answer or throw
 * anything. CPU time is measured because a busy machine makes wall clocks wrong.
 */
export function assertQuick(reads: (text: string) => unknown): void {
  for (const text of PLAIN) check(reads, text);
  fc.assert(
    fc.property(hostileTexts, (text) => check(reads, text)),
    { numRuns: 100, endOnFailure: true },
  );
}

/** Measures three times and takes the least: first calls are compiled, and any call may collect garbage. */
function check(reads: (text: string) => unknown, text: string): void {
  let spent = Infinity;
  for (let tries = 0; spent > BOUND_MS && tries < 3; tries++) spent = Math.min(spent, cost(reads, text));
  assert.ok(spent <= BOUND_MS, `${spent} ms of processor time for ${brief(text)}`);
}

const brief = (text: string): string => `${JSON.stringify(text.slice(0, 40))}…`;

const context = createContext({});
const script = new Script('work()');

function cost(reads: (text: string) => unknown, text: string): number {
  context['work'] = () => {
    try {
      reads(text);
    } catch {
      // a refusal is an answer
    }
  };
  const before = process.cpuUsage();
  try {
    script.runInContext(context, { timeout: INTERRUPT_MS });
  } catch {
    throw new Error(`no end after ${INTERRUPT_MS} ms with ${brief(text)}`);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
