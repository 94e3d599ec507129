import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { VNode } from 'preact';

/** As the page has it: Node runs no JSX. */
async function drawn(text: string): Promise<readonly VNode<{ dir?: string }>[]> {
  const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
  const { outputFiles } = await build({
    ...{ entryPoints: [here('texts.tsx')], tsconfig: here('../../tsconfig.json') },
    ...{ bundle: true, format: 'esm', write: false },
  });
  const module = `data:text/javascript,${encodeURIComponent(outputFiles[0]?.text ?? '')}`;
  const { Texts } = (await import(module)) as { Texts: (props: { text: string }) => unknown };
  return Texts({ text }) as readonly VNode<{ dir?: string }>[];
}

test('no part of a text turns around what follows it: each is isolated by a direction of its own', async () => {
  const turned = '\u202e`a\u202e` https://evil.example//example.knab\u202e\n```\n\u202e\n```';
  assert.deepEqual(
    (await drawn(turned)).map(({ type, props }) => [type, props.dir]),
    [
      ['span', 'auto'],
      ['code', 'ltr'],
      ['span', 'auto'],
      ['a', 'ltr'],
      ['pre', 'ltr'],
    ],
  );
});
