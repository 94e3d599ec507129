/** Settings, which an environment sets that may not be ours, with texts made to hold a program up. */
import { describe, it } from 'node:test';
import { assertQuick } from '@cim/testkit';
import { readConfig } from './config.ts';
import { settings } from './settings.ts';

describe('a text of 8 KiB made to hold a program up', () => {
  it('is read in milliseconds as the value of each setting', () => {
    assertQuick((text) => {
      const env = Object.fromEntries(Object.values(settings).map((option) => [option.env, text]));
      return readConfig('test', settings, [], env);
    });
  });

  it('is read in milliseconds as a flag and as the name of a setting', () => {
    assertQuick((text) => readConfig('test', settings, [`--${text}`, text], { [`CIM_${text}`]: text }));
  });
});
