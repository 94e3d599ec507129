/**
 * What the terminal shows at three sizes, row by row, and the picture of it in the documents. WRITE_SCREENS=1 writes the
 * files of `test/screens` anew, `npm run screenshots` the picture.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ServerProcess, type Terminal } from '@cim/testkit';
import { openScene, PICTURE, playScene, timeless } from './terminal-scene.ts';
import { svgOf, textOf } from './terminal-svg.ts';

const SCREENS = fileURLToPath(new URL('screens', import.meta.url));
const SVG = fileURLToPath(new URL('../docs/pictures/terminal.svg', import.meta.url));
const write = process.env['WRITE_SCREENS'] === '1';

const SIZES = [
  { columns: 40, rows: 15 },
  { columns: 80, rows: 24 },
  { columns: 200, rows: 50 },
];
const nameOf = ({ columns, rows }: Size): string => `${columns}x${rows}`;

interface Size {
  readonly columns: number;
  readonly rows: number;
}

interface Shown {
  readonly screen: string;
  readonly colours: string;
  readonly cursor: { readonly column: number; readonly row: number };
}

let shown: Map<string, Shown>;
let folder: string;
let server: ServerProcess;
let terminal: Terminal;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cim-terminal-picture-'));
  server = await ServerProcess.start('standalone', {
    CIM_DATA_DIR: join(folder, 'data'),
    CIM_SESSION_POLICY: 'devices',
  });
  await playScene(server.routeUrl);
  terminal = await openScene(server.routeUrl, folder, PICTURE);
  shown = new Map();
  for (const size of [PICTURE, ...SIZES]) {
    await terminal.resize(size.columns, size.rows);
    // Until it is drawn anew the terminal shows the old rows, cut or too few.
    await terminal.until((screen) => screen.endsWith('afternoon') && screen.split('\n').length === size.rows);
    const colours = await terminal.screenInColours();
    shown.set(nameOf(size), {
      screen: await terminal.screen(),
      colours,
      cursor: await terminal.cursor(),
    });
  }
});
after(async () => {
  await terminal.stop();
  await server.end();
  rmSync(folder, { recursive: true });
});

function seen(size: Size): Shown {
  const found = shown.get(nameOf(size));
  assert.ok(found !== undefined);
  return found;
}

describe('the terminal', () => {
  for (const size of SIZES)
    it(`shows a group as drawn in ${nameOf(size)}.txt`, () => {
      const path = join(SCREENS, `${nameOf(size)}.txt`);
      const now = `${timeless(seen(size).screen)}\n`;
      if (write) {
        mkdirSync(SCREENS, { recursive: true });
        writeFileSync(path, now);
      }
      assert.equal(now, readFileSync(path, 'utf8'));
    });

  it('looks as in the picture of the documents', () => {
    const { screen, colours, cursor } = seen(PICTURE);
    const made = svgOf(colours, { ...PICTURE, cursor });
    assert.equal(textOf(made), screen, 'a picture has the text of the screen');
    const kept = readFileSync(SVG, 'utf8');
    assert.equal(timeless(textOf(kept)), timeless(screen), 'npm run screenshots makes it anew');
  });
});
