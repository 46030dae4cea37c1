import { describe, expect, test } from 'vitest';
import { newSecret } from '../crypto/master-secret.js';
import { checkSettings } from './read-settings.js';
import { settingNames, settings } from './table.js';

const surroundings = { COUNTERSIGN_SECRET: newSecret(), COUNTERSIGN_PUBLIC_URL: 'https://auth.example.com' };

describe('the table of settings', () => {
  test('gives each setting a default, as a value or in words', () => {
    for (const name of settingNames) {
      const { fallback, fallbackText, about } = settings[name];
      expect(fallback ?? fallbackText, name).toBeTruthy();
      expect(about, name).toMatch(/\.$/);
    }
  });

  test.each(settingNames.filter((name) => settings[name].fallback !== undefined))('says the default of %s that really holds', (name) => {
    const written = checkSettings({ ...surroundings, [name]: settings[name].fallback });
    const unset = checkSettings(surroundings);
    expect(written.problems).toEqual([]);
    expect(written.settings?.config).toEqual(unset.settings?.config);
    const { options: _written, secret: _secret, ...rest } = written.settings!;
    expect(unset.settings).toMatchObject(rest);
  });
});
