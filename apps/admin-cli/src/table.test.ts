import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cleaned, duration, table, when } from './table.ts';

describe('a table', () => {
  const columns = [
    { heading: 'ID', cell: ([id = '']: readonly string[]) => id },
    { heading: 'NAME', cell: ([, name = '']: readonly string[]) => name, givesWay: true },
    { heading: 'REASON', cell: ([, , reason = '']: readonly string[]) => reason, givesWay: true },
  ];

  it('shortens only the columns that may be shortened, until a line fits 80 columns', () => {
    const id = 'i'.repeat(30);
    const lines = table([[id, 'n'.repeat(60), 'short']], columns, '').split('\n');
    assert.ok(lines.every((line) => line.length <= 80));
    assert.equal(lines[1], `${id}  ${'n'.repeat(39)}\u{2026}  short`);
  });

  it('aligns wide letters, and marks that take no room', () => {
    const lines = table(
      [
        ['1', '李雷', 'x'],
        ['2', 'Zoe\u{308}', 'y'],
      ],
      columns,
      '',
    ).split('\n');
    assert.deepEqual(lines, ['ID  NAME  REASON', '1   李雷  x', '2   Zoe\u{308}   y']);
  });

  it('shows nothing that moves the cursor or hides text', () => {
    assert.equal(cleaned('a\u{1b}[2Jb\u{202e}c\nd'), 'a\u{fffd}[2Jb\u{fffd}c\u{fffd}d');
  });

  it('is one sentence when there are no rows', () => {
    assert.equal(table([], columns, 'nobody is here'), 'nobody is here');
  });
});

describe('a time', () => {
  it('is shown in its largest unit, relative to now', () => {
    assert.deepEqual([0, 59_999, 60_000, 7_200_000, 864_000_000].map(duration), [
      '0s',
      '59s',
      '1m',
      '2h',
      '10d',
    ]);
    const now = Date.parse('2026-01-02T00:00:00Z');
    assert.equal(when('2026-01-01T00:00:00Z', now), '1d ago');
    assert.equal(when('2026-01-02T00:05:00Z', now), 'in 5m');
    assert.equal(when(undefined, now), '');
  });
});
