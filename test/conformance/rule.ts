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

/** Gives each check a world of its own, and ends that world after it. */
export const rulesIn = <W extends World>(
  open: (target: Target) => W,
  rules: readonly RuleIn<W>[],
): readonly Rule[] =>
  rules.map((rule) => ({
    ...rule,
    check: async (target) => {
      const world = open(target);
      try {
        await rule.check(world);
      } finally {
        await world.close();
      }
      if (world.fault !== undefined) throw world.fault;
    },
  }));

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
