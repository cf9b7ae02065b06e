import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Entry } from '../../src/core/entries.ts'
import type { Store } from '../../src/driver/ports.ts'
import type { EntryCodec } from '../../src/store/entry-codec.ts'

/** Entries as JSON: a store does not care what is in them. */
export const jsonCodec: EntryCodec = {
  encode: entry => new TextEncoder().encode(JSON.stringify(entry)),
  decode: bytes => JSON.parse(new TextDecoder().decode(bytes)) as Entry,
}

/** An entry that can be told from others by its number. */
export function entry(n: number, text = ''): Entry {
  return { type: 'echo', peer: `peer${text}`, storageId: 's', lsn: n, incarnation: '' }
}

/** The entries numbered from `first` to `last`. */
export function entries(first: number, last: number, text = ''): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, i) => entry(first + i, text))
}

/** Everything that a store replays. */
export async function replayed(store: Store): Promise<Entry[]> {
  const all: Entry[] = []
  for await (const slice of store.replay()) all.push(...slice)
  return all
}

/** The numbers of everything that a store replays. */
export async function numbers(store: Store): Promise<number[]> {
  return (await replayed(store)).map(found => (found.type === 'echo' ? found.lsn : -1))
}

/** The numbers from `first` to `last`. */
export function range(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i)
}

/** Resolves when a store is durable up to an lsn; rejects if it fails. */
export function durable(store: Store, lsn: number): Promise<void> {
  return new Promise((resolve, reject) => {
    store.onDurable(upTo => {
      if (upTo >= lsn) resolve()
    })
    store.onFailed(reject)
  })
}

/** Appends and waits until it is durable. */
export async function appendDurably(store: Store, ...added: readonly Entry[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let target = Infinity
  let seen = 0
  store.onDurable(lsn => {
    seen = lsn
    if (lsn >= target) resolve()
  })
  store.onFailed(reject)
  target = store.append(added)
  if (seen >= target) resolve()
  await promise
}

/** A folder that is gone when the test ends. */
export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'meshwork-store-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}
