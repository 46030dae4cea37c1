/** The settings as they may be shown to people: resolved, and without secrets. */
import type { FullEnvironment } from './environment.js';
import { withoutCredentials } from './parse-value.js';
import type { Settings } from './read-settings.js';
import { settingNames, settings as table, type SettingName } from './table.js';

export interface ShownSetting {
  readonly name: SettingName;
  /** Null: there is none. */
  readonly value: string | null;
  readonly source: 'environment' | '.env' | 'default';
}

/** `settings` null: they are wrong, so that only what was written can be shown. */
export function showSettings({ values, fromFile }: FullEnvironment, settings: Settings | null): ShownSetting[] {
  return settingNames.map((name) => {
    const text = values[name]?.trim() ?? '';
    if (text === '')
      return {
        name,
        value: settings && name in resolved ? (resolved[name]?.(settings) ?? null) : (table[name].fallback ?? null),
        source: 'default',
      };
    return {
      name,
      value: table[name].isSecret ? '(set, not shown)' : withoutCredentials(text),
      source: fromFile.has(name) ? '.env' : 'environment',
    };
  });
}

/** Defaults that depend on other settings. */
const resolved: Partial<Record<SettingName, (settings: Settings) => string>> = {
  HOST: ({ host }) => host,
  COUNTERSIGN_PUBLIC_URL: ({ config }) => config.publicUrl.origin,
  COUNTERSIGN_AUDIENCE: ({ config }) => config.audience.join(','),
  COUNTERSIGN_TRUSTED_ORIGINS: ({ config }) => config.publicUrl.origin,
  COUNTERSIGN_STORE: ({ database }) => `sqlite:${database}`,
  COUNTERSIGN_DATA: ({ dataFolder }) => dataFolder,
  COUNTERSIGN_SECRET: ({ dataFolder }) => `made up in ${dataFolder}`,
};
