import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { GOLDEN, hexOf } from './golden.ts';
import { WIRES } from './wires.ts';

const page = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
const protocol = page('protocol.md');

test('docs/protocol.md has every rule of the runner and no other, in the same words', () => {
  const rows = [...protocol.matchAll(/^\| `((?:\w+\/){2}[\w-]+)` \| (.+) \| \[[^\]]+\]\(([^)]*)\) \|$/gm)];
  const documented = rows.map(([, name, says, where = '']) => ({
    ...{ name, says },
    where: where.startsWith('#') ? `protocol.md${where}` : where,
  }));
  assert.deepEqual(
    documented,
    WIRES.flatMap(({ rules }) => rules.map(({ name, says, where }) => ({ name, says, where }))),
  );
});

test('no two rules have one name, and each name begins with its wire', () => {
  const names = WIRES.flatMap(({ rules }) => rules.map(({ name }) => name));
  assert.equal(new Set(names).size, names.length);
  for (const wire of WIRES)
    for (const { name } of wire.rules) assert.match(name, new RegExp(`^${wire.name}/[a-z0-9-]+/[a-z0-9-]+$`));
});

test('the golden bytes of the runner are those of docs/protocol.md', () => {
  const documented = [...protocol.matchAll(/^\| (.+) \| `((?:[0-9a-f]{2} ?)+)` \|$/gm)];
  assert.deepEqual(
    GOLDEN.map(({ about, bytes }) => [about, hexOf(bytes)]),
    documented.map(([, about, bytes]) => [about, bytes]),
  );
});
