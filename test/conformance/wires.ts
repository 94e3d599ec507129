import { cimFrameRules, cimHttpRules } from './cim/rules.ts';
import { ownRules } from './own/rules.ts';
import { probeCim, probeOwn, probeV1, probeWs } from './probe.ts';
import type { Rule } from './rule.ts';
import { v1Rules } from './v1/rules.ts';
import { wsRules } from './ws/rules.ts';

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
  {
    name: 'ws',
    about: 'what WebSockets add to our own wire',
    probe: probeWs,
    rules: wsRules,
  },
  {
    name: 'v1',
    about: 'the HTTP interface under /v1',
    probe: probeV1,
    rules: v1Rules,
  },
];
