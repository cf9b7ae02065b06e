import { randomUUID } from 'node:crypto'
import { open, rename, unlink, writeFile } from 'node:fs/promises'
import type { Logger } from '@libp2p/interface'
import { cleanAddresses } from './addresses.ts'
import { toError } from './failures.ts'

/** A peer that was connected once, and where. */
export interface KnownPeer {
  readonly peer: string
  readonly addresses: readonly string[]
  /** Wall clock when it was last connected, in milliseconds. */
  readonly seenMs: number
}

/** Most peers that are remembered; those seen last stay. */
const peersMax = 256
/** Longest file that is read, in bytes. */
const fileBytesMax = 2 ** 20
/** After this a peer is forgotten, in milliseconds: 30 days. */
const keepMs = 30 * 24 * 3_600_000
/** Changes of this long are written together, in milliseconds. */
const saveDelayMs = 500

/**
 * Remembers the peers of the mesh across restarts. libp2p's own store keeps addresses for an hour
 * and does not say who is of the mesh.
 *
 * It is only a help: what cannot be read or written is logged, and the node goes on.
 */
export class PeerBook {
  readonly #path: string | undefined
  readonly #log: Logger
  readonly #peers = new Map<string, KnownPeer>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #saving: Promise<void> = Promise.resolve()

  /** Without a path nothing is written. */
  constructor(path: string | undefined, log: Logger) {
    this.#path = path
    this.#log = log
  }

  async open(): Promise<readonly KnownPeer[]> {
    for (const known of await this.#read()) this.#peers.set(known.peer, known)
    return [...this.#peers.values()]
  }

  put(peer: string, addresses: readonly string[]): void {
    if (addresses.length === 0) return
    this.#peers.delete(peer)
    this.#peers.set(peer, { peer, addresses, seenMs: Date.now() })
    // The first of a map is the one that was put in longest ago.
    for (const oldest of this.#peers.keys()) {
      if (this.#peers.size <= peersMax) break
      this.#peers.delete(oldest)
    }
    if (this.#path !== undefined) this.#timer ??= setTimeout(() => this.#save(), saveDelayMs)
  }

  async close(): Promise<void> {
    if (this.#timer !== undefined) this.#save()
    await this.#saving
  }

  #save(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#saving = this.#saving.then(() => this.#write())
  }

  async #write(): Promise<void> {
    if (this.#path === undefined) return
    const draft = `${this.#path}.${randomUUID()}`
    try {
      const text = JSON.stringify({ version: 1, peers: [...this.#peers.values()] }, undefined, 1)
      await writeFile(draft, text, { mode: 0o600, flag: 'wx' })
      await rename(draft, this.#path)
    } catch (error) {
      this.#log.error(
        'peers could not be remembered in %s - %s',
        this.#path,
        toError(error).message,
      )
      await unlink(draft).catch(() => {})
    }
  }

  async #read(): Promise<KnownPeer[]> {
    if (this.#path === undefined) return []
    let file
    try {
      file = await open(this.#path)
      const { size } = await file.stat()
      if (size > fileBytesMax) throw new Error(`it has ${size} bytes`)
      return parse(await file.readFile('utf8'))
    } catch (error) {
      const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
      if (!missing) {
        this.#log.error(
          'known peers in %s are passed over - %s',
          this.#path,
          toError(error).message,
        )
      }
      return []
    } finally {
      await file?.close()
    }
  }
}

function parse(text: string): KnownPeer[] {
  const content: unknown = JSON.parse(text)
  if (!isRecord(content) || content['version'] !== 1 || !Array.isArray(content['peers'])) {
    throw new Error('it is of another form or version')
  }
  const known: KnownPeer[] = []
  for (const entry of content['peers'].slice(-peersMax) as unknown[]) {
    if (!isRecord(entry)) continue
    const { peer, addresses, seenMs } = entry
    if (typeof peer !== 'string' || !Array.isArray(addresses) || typeof seenMs !== 'number')
      continue
    if (Date.now() - seenMs > keepMs) continue
    const texts = addresses.filter(address => typeof address === 'string')
    known.push({ peer, addresses: cleanAddresses(texts, peer), seenMs })
  }
  return known
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
