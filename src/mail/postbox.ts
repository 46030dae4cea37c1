/** Where flows put what is to be mailed. */
import type { Logger } from '../model/app-types.js';
import type { NewOutboxRecord } from '../model/outbox.js';
import { outboxRow, type ItemWriter, type OutboxItem } from './payloads.js';

export interface Postbox {
  readonly isSetUp: boolean;
  /** Rows that an act writes with what it does. Without mail none, and the log says what was not sent. */
  rows(...items: readonly OutboxItem[]): readonly NewOutboxRecord[];
  /** To be called when rows were committed. Neither waits nor throws. */
  wake(): void;
}

export function createPostbox({
  isSetUp,
  logger,
  wake,
  ...writer
}: ItemWriter & { readonly isSetUp: boolean; readonly logger: Logger; readonly wake: () => void }): Postbox {
  return {
    isSetUp,
    wake,
    rows(...items) {
      if (isSetUp) return items.map((item) => outboxRow(writer, item));
      for (const { kind } of items) logger.warn({ mail: kind }, 'no mail is set up: nothing was sent');
      return [];
    },
  };
}
