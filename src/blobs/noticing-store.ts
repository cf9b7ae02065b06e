import type { Entry } from '../core/entries.ts'
import type { Store } from '../driver/ports.ts'
import { eachNamed, type NamedBlob } from './references.ts'

/**
 * A store of entries that tells which blobs its entries name, so that nothing has to be searched
 * for them. It costs one look at one byte per payload and result.
 */
export function noticeBlobs(store: Store, onNamed: (named: NamedBlob) => void): Store {
  const notice = (entries: readonly Entry[]): void => {
    for (const entry of entries) eachNamed(entry, onNamed)
  }
  return {
    open: () => store.open(),
    async *replay() {
      for await (const entries of store.replay()) {
        notice(entries)
        yield entries
      }
    },
    append(entries) {
      notice(entries)
      return store.append(entries)
    },
    onDurable: listener => store.onDurable(listener),
    onFailed: listener => store.onFailed(listener),
    get wantsCheckpoint() {
      return store.wantsCheckpoint
    },
    checkpoint: (lsn, entries) => store.checkpoint(lsn, entries),
    outdate: () => store.outdate?.(),
    close: () => store.close(),
  }
}
