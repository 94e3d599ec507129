import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CimClient } from '@cim/client/node';
import { Listener } from './listener.ts';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'cim-listener-'));
});
after(() => rmSync(folder, { recursive: true }));

const client = new CimClient({ routeUrl: 'http://127.0.0.1:1', userName: 'alice' });
const tools = { client, print: () => undefined, say: () => Promise.resolve() };

async function problemOf(name: string, text: string | undefined): Promise<string> {
  const path = join(folder, name);
  if (text !== undefined) writeFileSync(path, text);
  try {
    (await Listener.load(path)).follow(client, tools);
  } catch (error) {
    assert.ok(error instanceof Error);
    assert.equal(error.message.split('\n').length, 1);
    return error.message.replace(path, name);
  }
  return '';
}

describe('a listener', () => {
  it('is a module of functions that are named as events', async () => {
    assert.equal(
      await problemOf('good.mjs', 'export const message = () => 1; export function closed() {}'),
      '',
    );
  });

  it('that cannot be used is told in one line, with what is wrong', async () => {
    for (const [name, text, why] of [
      ['absent.mjs', undefined, /^the listener absent\.mjs: it cannot be loaded: /],
      ['broken.mjs', 'export function message( {', /^the listener broken\.mjs: it cannot be loaded: /],
      ['throws.mjs', 'throw new Error("no\\nconfiguration")', /it cannot be loaded: no$/],
      ['empty.mjs', '', /it exports nothing; export functions named as events/],
      ['number.mjs', 'export const message = 7', /it exports "message", which is no function/],
      ['typo.mjs', 'export function messages() {}', /there is no event "messages"; the events are .*message/],
    ] as const)
      assert.match(await problemOf(name, text), why);
  });
});
