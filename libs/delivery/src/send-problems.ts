import { CimError, type CodeName, CODES } from '@cim/protocol';
import type { AppendAnswer, GroupProblem } from '@cim/store';
import type { Refused, SendReceipt } from './send-request.ts';

/** @param text in words for a person; undefined: the text of the code */
export const refused = (name: CodeName, text?: string): Refused => ({
  outcome: 'refused',
  code: CODES[name].code,
  text: text ?? CODES[name].message,
});

export const retry = (
  text: string,
  name: CodeName = 'failure',
): Extract<SendReceipt, { readonly outcome: 'retry' }> => ({
  outcome: 'retry',
  code: CODES[name].code,
  text,
});

/** The code for each refusal by a group, and a sentence where the code's own text does not fit. */
const GROUP_PROBLEMS: Readonly<Record<GroupProblem, readonly [name: CodeName, text?: string]>> = {
  'no-group': ['unknownGroup'],
  'not-member': ['notMember'],
  'not-allowed': ['notAllowed'],
  muted: ['muted'],
  full: ['groupFull'],
  'no-such-member': ['unknownAccount', 'this user is not a member of the group'],
  'owner-stays': ['notAllowed', 'the owner cannot leave; transfer the group, or disband it'],
  taken: ['invalid', 'a group with this id exists'],
};

/** The receipt of a send that was not stored. */
export function unstored(answer: Exclude<AppendAnswer, { outcome: 'ok' | 'duplicate' }>): SendReceipt {
  switch (answer.outcome) {
    case 'gap':
    case 'unknown-producer':
      return answer;
    case 'conflict':
      return refused('invalid', 'this message id was used before with another content');
    case 'refused':
      return { ...refused(...GROUP_PROBLEMS[answer.problem]), problem: answer.problem };
    case 'ended':
      return refused('invalid', 'this request was refused before; send it with another Idempotency-Key');
    case 'full':
      return refused(
        'limited',
        'the recipient has too many messages waiting; try again when they have been read',
      );
    case 'blocked':
      return refused('blocked');
    case 'share':
      return refused('inboxShare');
    case 'unknown':
      return refused('unknownAccount', 'there is no user with this id');
    case 'retry':
      return retry('the message is not stored; send it again');
  }
}

/** The receipt when the recipient is online and still has the sender's share to read. */
export const shareIsRead = (): SendReceipt =>
  retry('the recipient has many of your messages to read first; send it again', 'inboxShare');

/** Makes an error of the receipt of a send that was not stored. */
export function errorOf(receipt: Exclude<SendReceipt, { outcome: 'stored' }>): CimError {
  // Only sends with a counter can have a gap or an unknown producer.
  if (receipt.outcome === 'gap' || receipt.outcome === 'unknown-producer') return new CimError('failure');
  const name = (Object.keys(CODES) as CodeName[]).find((key) => CODES[key].code === receipt.code);
  return new CimError(name ?? 'failure', receipt.text);
}
