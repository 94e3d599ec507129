import { cimFrameRules, cimHttpRules } from './cim/rules.ts';
import { ownRules } from './own/rules.ts';
import { probeCim, probeOwn } from './probe.ts';
import type { Rule } from './rule.ts';

/** What can be checked of a server. */
export interface Wire {
  readonly name: string;
  /** In a few words, for the help. */
  readonly about: string;
  /** @throws {NotCheckable} when the URL serves nothing of this wire */
  readonly probe: (routeUrl: string) => Promise<void>;
  readonly rules: readonly Rule[];
}

export const WIRES: readonly Wire[] = [
  {
    name: 'cim',
    about: "CIM's paths and CIM's frames over TCP",
    probe: probeCim,
    rules: [...cimHttpRules, ...cimFrameRules],
  },
  {
    name: 'own',
    about: 'our own wire over TCP, with receipts, cursors and acks',
    probe: probeOwn,
    rules: ownRules,
  },
];
