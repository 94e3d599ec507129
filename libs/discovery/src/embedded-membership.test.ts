import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EmbeddedRegistry, openEmbeddedMembership } from './embedded-membership.ts';
import { member, membershipContract } from './membership.contract.ts';

const registry = new EmbeddedRegistry();
membershipContract('embedded', () => registry.open());

test('two embedded memberships that were opened apart know nothing of each other', async () => {
  const [a, b] = [openEmbeddedMembership(), openEmbeddedMembership()];
  await Promise.all([a.start(), b.start()]);
  await a.announce(member('10.0.0.1', 'one'));
  assert.deepEqual(b.members(), []);
});

test('a view that withdraws leaves the announcement of another one at its address alone', async () => {
  const shared = new EmbeddedRegistry();
  const [a, b] = [shared.open(), shared.open()];
  await Promise.all([a.start(), b.start()]);
  await a.announce(member('10.0.0.1', 'one'));
  await b.announce(member('10.0.0.1', 'two'));
  await a.stop();
  assert.deepEqual(b.members(), [member('10.0.0.1', 'two')]);
});
