import type { CimDial } from '@cim/testkit/raw';
import type { Dialogue } from './dialogue.ts';

/** What a rule is checked against. */
export interface Target {
  /** Of the route, without a slash at its end. */
  readonly routeUrl: string;
  readonly dialogue: Dialogue;
  /** How to get to an im-server; absent: over TCP. */
  readonly dial?: CimDial;
}

/** A sentence of the documents that any server can be checked against. */
export interface Rule {
  /** `<wire>/<family>/<rule>`. docs/protocol.md has the same name. */
  readonly name: string;
  /** The rule in one sentence. docs/protocol.md has the same sentence. */
  readonly says: string;
  /** Where it stands: a page of `docs/` and a heading in it. */
  readonly where: string;
  /** It waits for a clock of the server, for up to 40 s. */
  readonly slow?: true;
  /** Throws when the server breaks the rule. */
  readonly check: (target: Target) => Promise<void>;
}

/** Clients of one check. */
export interface World {
  /** What would have ended one of the clients: a frame that cannot be read. */
  readonly fault: Error | undefined;
  /** Ends the clients. Never throws. */
  readonly close: () => Promise<void>;
}

/** A rule whose check needs clients. */
export interface RuleIn<W extends World> extends Omit<Rule, 'check'> {
  readonly check: (world: W) => Promise<void>;
}

/** A check that takes longer than this has failed [ms]. */
const LONGEST_MS = 90_000;
/** A server that does not answer is not waited for when the clients of a check leave [ms]. */
const LEAVE_MS = 10_000;

/** Gives each check a world of its own, and ends that world after it, also when the check does not come to an end. */
export const rulesIn = <W extends World>(
  open: (target: Target) => W,
  rules: readonly RuleIn<W>[],
  longestMs = LONGEST_MS,
): readonly Rule[] =>
  rules.map((rule) => ({
    ...rule,
    check: async (target) => {
      const world = open(target);
      try {
        await within(longestMs, rule.check(world));
      } finally {
        await within(LEAVE_MS, world.close()).catch(() => undefined);
      }
      if (world.fault !== undefined) throw world.fault;
    },
  }));

async function within(limitMs: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the check was not over within ${limitMs} ms`)), limitMs);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Such as `cim/login`. */
export const familyOf = ({ name }: Rule): string => name.split('/').slice(0, 2).join('/');

export type Outcome =
  | { readonly name: string; readonly ok: true; readonly dialogue: readonly string[] }
  | {
      readonly name: string;
      readonly ok: false;
      /** What was expected and what came, in one line. */
      readonly problem: string;
      readonly dialogue: readonly string[];
    };
