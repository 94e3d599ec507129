import { cleanLine } from '@cim/terminal-text';

/** Something of CIM's that was not taken over. */
export interface NotTaken {
  readonly kind: 'account' | 'text';
  /** Of the user whose account it is, or for whom the text waits. */
  readonly userId: string;
  readonly why: string;
  /** Of an account: a name that it could have. */
  readonly suggestion?: string;
}

export interface Report {
  readonly from: string;
  readonly to: string;
  readonly dryRun: boolean;
  readonly accounts: { readonly found: number; readonly imported: number; readonly thereBefore: number };
  readonly texts: {
    readonly found: number;
    readonly imported: number;
    readonly thereBefore: number;
    /** CIM had let them expire. */
    readonly expired: number;
  };
  readonly notTaken: readonly NotTaken[];
}

/** For people. */
export function reportText({ from, to, dryRun, accounts, texts, notTaken }: Report): string {
  const took = dryRun ? 'would be imported' : 'imported';
  const lines = [
    `from ${from} to ${to}${dryRun ? ' (dry run: nothing was written)' : ''}`,
    `accounts: ${accounts.found} found, ${accounts.imported} ${took}, ${accounts.thereBefore} there before`,
    `waiting texts: ${texts.found} found, ${texts.imported} ${took}, ${texts.thereBefore} there before, ${texts.expired} expired in CIM`,
  ];
  if (notTaken.length > 0) {
    lines.push(`not taken: ${notTaken.length}`);
    for (const { kind, userId, why } of notTaken) lines.push(`  ${kind} of user ${userId}: ${why}`);
  }
  const names = notTaken.filter(({ suggestion }) => suggestion !== undefined);
  if (names.length > 0) {
    lines.push(
      'To import these accounts give each another name: put this into a file, change it as you like, and run again with',
    );
    lines.push('--names FILE. Their users write the new name into the configuration of their clients.');
    lines.push(JSON.stringify(Object.fromEntries(names.map((of) => [of.userId, of.suggestion])), null, 2));
  }
  return lines
    .flatMap((line) => line.split('\n'))
    .map((line) => `${cleanLine(line)}\n`)
    .join('');
}
