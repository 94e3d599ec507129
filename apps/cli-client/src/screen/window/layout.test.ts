import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertQuick } from '@cim/testkit';
import { Areas } from './areas.ts';
import { Canvas } from './canvas.ts';
import type { Spoken } from './entry.ts';
import { EntryRows, names } from './entry-rows.ts';
import { pictureOf, type Seen } from './layout.ts';
import { widthOfRow } from './rows.ts';
import { BUILT_IN, type Theme } from '../../options/theme.ts';

const NOON = new Date(2026, 10, 29, 12, 0).getTime();
const DAY_MS = 86_400_000;
const said = (text: string, more: Partial<Spoken> = {}): Spoken => ({
  kind: 'said',
  at: NOON,
  from: 'bob',
  own: false,
  text,
  id: '',
  n: 0,
  ...more,
});

function draw(areas: Areas, more: Partial<Seen> = {}) {
  const seen = {
    areas,
    rows: new EntryRows(() => BUILT_IN.mono, 'alice'),
    theme: BUILT_IN.mono,
    withDays: true,
    name: 'alice',
    online: true,
    now: NOON,
    typed: { text: '', cursor: 0 },
    prompt: 'everybody> ',
    withUsers: true,
    columns: 60,
    height: 8,
    ...more,
  };
  const picture = pictureOf(seen);
  assert.equal(picture.rows.length, seen.height);
  for (const row of picture.rows) assert.ok(widthOfRow(row) <= seen.columns, JSON.stringify(row));
  const lines = picture.rows.map((row) =>
    row
      .map(({ text }) => text)
      .join('')
      .trimEnd(),
  );
  return { lines, cursor: picture.cursor };
}

const create = (): Areas => new Areas('globby', 'everybody');

describe('the picture', () => {
  it('has the newest entries, a row for each day, the status row and what is typed', () => {
    const areas = create();
    areas.said(areas.current, said('yesterday', { at: NOON - DAY_MS }), false);
    areas.said(areas.current, said('today'), false);
    areas.said(areas.open('u2', 'bob'), said('psst'), false);
    areas.said(areas.open('g3', '#dev'), said('alice: hi'), true);
    const { lines, cursor } = draw(areas, { typed: { text: 'hello', cursor: 2 } });
    assert.match(lines[2] ?? '', /^─+ Saturday,? 28 November 2026 ─+$/);
    assert.equal(lines[3], '12:00 bob: yesterday');
    assert.match(lines[4] ?? '', /^─+ Sunday,? 29 November 2026 ─+$/);
    assert.deepEqual(lines.slice(5), [
      '12:00 bob: today',
      ' 12:00 alice online 1:everybody [2:bob 1, 3:#dev 1!]',
      'everybody> hello',
    ]);
    assert.deepEqual(cursor, { row: 7, column: 13 });
  });

  it('goes on with a line of two columns in the second one, where there is room, and tells what users did', () => {
    const areas = create();
    const line = '  :set OPTION    changes an option for good';
    areas.remark(areas.current, { kind: 'remark', at: NOON, line });
    areas.said(areas.current, said('joined the group', { event: true }), false);
    const rowsAt = (columns: number) =>
      draw(areas, { columns })
        .lines.slice(1, 6)
        .filter((row) => row !== '');
    assert.deepEqual(rowsAt(38).slice(1), [
      '  :set OPTION    changes an option for',
      '                 good',
      '12:00 * bob joined the group',
    ]);
    assert.deepEqual(rowsAt(32).slice(1, 3), ['  :set OPTION    changes an', '    option for good']);
  });

  it('has the colours of another theme at once', () => {
    let theme: Theme = BUILT_IN.mono;
    const rows = new EntryRows(() => theme, 'alice');
    const entry = said('hello');
    const styles = (): string[] => rows.of(entry, 60).flatMap((row) => row.map(({ style }) => style));
    assert.deepEqual(new Set(styles()), new Set(['']));
    theme = BUILT_IN.dark;
    assert.equal(styles()[0], BUILT_IN.dark.time);
  });

  it('stays where the person reads, and never goes beyond the oldest entry', () => {
    const areas = create();
    const area = areas.current;
    for (let i = 0; i < 20; i++) areas.said(area, said(`m${i}`), false);
    area.scroll = 4;
    const { lines } = draw(areas);
    assert.equal(lines[5], '12:00 bob: m15');
    assert.match(lines[6] ?? '', /↓/);
    areas.said(area, said('new'), false);
    assert.equal(area.unread, 1, 'what comes below is not read');
    area.scroll = 1_000;
    assert.match(draw(areas).lines[0] ?? '', /29 November/);
    assert.equal(area.scroll, 16);
  });

  it('lists the users of a conversation where there is room', () => {
    const areas = create();
    areas.said(areas.current, said('hello'), false);
    areas.current.users = Array.from({ length: 20 }, (_, i) => `user${i}`);
    const { lines } = draw(areas, { columns: 100 });
    assert.match(lines[0] ?? '', /│user0$/);
    assert.match(lines[5] ?? '', /^12:00 bob: hello +│and 15 more$/);
    assert.doesNotMatch(draw(areas, { columns: 99 }).lines.join('\n'), /user0/);
    assert.doesNotMatch(draw(areas, { columns: 100, withUsers: false }).lines.join('\n'), /user0/);
  });

  it('shows some rows of a long text that is typed, those around the cursor', () => {
    const text = Array.from({ length: 20 }, (_, i) => `row ${i}`).join('\n');
    const end = draw(create(), { height: 9, typed: { text, cursor: text.length } });
    assert.deepEqual(end.lines.slice(-3), ['row 17', 'row 18', 'row 19']);
    assert.deepEqual(end.cursor, { row: 8, column: 6 });
    const start = draw(create(), { height: 9, typed: { text, cursor: 3 } });
    assert.equal(start.lines[6], 'everybody> row 0');
    assert.deepEqual(start.cursor, { row: 6, column: 14 });
  });

  it('has the cursor behind a row that is full', () => {
    const text = 'x'.repeat(9);
    assert.deepEqual(
      draw(create(), { columns: 20, prompt: 'everybody> ', typed: { text, cursor: 9 } }).cursor.row,
      7,
    );
    for (const columns of [2, 3, 5, 12])
      for (const height of [1, 2, 3])
        draw(create(), { columns, height, typed: { text: '你好 👨‍👩‍👧 x', cursor: 3 } });
  });

  it('is drawn in milliseconds, whatever the texts', () => {
    assertQuick((text) => {
      const areas = create();
      areas.said(areas.current, said(text.slice(0, 1_000), { from: text, why: text, mark: 'failed' }), true);
      draw(areas);
    });
  });

  it('is drawn in milliseconds, whatever is pasted', () => {
    assertQuick((text) => draw(create(), { typed: { text: text.slice(0, 1_000), cursor: 0 } }));
  });

  it('shows what became of a message', () => {
    const areas = create();
    const reactions = new Map([
      [1, '👍'],
      [2, '👍'],
    ]);
    areas.said(areas.current, said('a', { edited: true, reactions }), false);
    areas.said(areas.current, said('b', { recalled: true }), false);
    areas.said(areas.current, said('c', { own: true, from: 'alice', mark: 'failed', why: 'no' }), false);
    assert.deepEqual(draw(areas).lines.slice(3, 6), [
      '12:00 bob: a (changed)  👍 2',
      '12:00 bob: (taken back)',
      '12:00 alice: c ✗ not sent: no',
    ]);
  });
});

describe('a mention', () => {
  it('is the name as a word of its own', () => {
    for (const text of ['alice', 'hi Alice!', '@alice.', 'alice, look', 'ＡＬＩＣＥ'])
      assert.ok(names(text, 'alice'), text);
    for (const text of ['malice', 'alice2', 'alice-b', '']) assert.ok(!names(text, 'alice'), text);
  });
});

describe('the canvas', () => {
  it('writes rows that have changed, and gives the terminal back', () => {
    const written: string[] = [];
    const canvas = new Canvas((bytes) => written.push(bytes));
    const at = (row: number, column: number) => ({ row, column });
    const row = (text: string) => [{ text, style: '' }];
    canvas.draw({ rows: [row('before')], cursor: at(0, 0) });
    assert.equal(written.length, 0);
    canvas.enter();
    canvas.draw({ rows: [row('a'), row('b')], cursor: at(1, 1) });
    canvas.draw({ rows: [row('a'), row('c')], cursor: at(1, 1) });
    canvas.draw({ rows: [row('a'), row('c')], cursor: at(1, 1) });
    canvas.draw({ rows: [row('a'), row('c')], cursor: at(1, 0) });
    assert.ok(written[1]?.includes('1;1H') === true && written[1].includes('2;1H'));
    assert.doesNotMatch(String(written[2]), /1;1H/);
    assert.equal(written[3], '\u001b[2;1H');
    canvas.ring();
    canvas.leave();
    canvas.leave();
    assert.equal(written[4], '\u0007');
    assert.match(String(written[5]), /\?1049l$/);
    assert.equal(written.length, 6);
  });
});
