import type { Libp2p, Logger } from '@libp2p/interface'
import { setMaxListeners } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { backoffMs } from './backoff.ts'
import type { Timings } from './config.ts'
import { isOtherSecret, isOurselves, reasonOf } from './failures.ts'
import type { Difference } from './strangers.ts'

export interface BootstrapInit {
  readonly libp2p: Libp2p
  readonly timings: Timings
  readonly log: Logger
  readonly isUp: (peer: string) => boolean
  /** A peer was found at an address. */
  readonly onFound: (peer: string, address: string) => void
  /** Somebody with another secret was found at an address. */
  readonly onStranger: (difference: Difference, address: string) => void
}

interface Place {
  readonly address: string
  /** Who was there last. */
  peer: string | undefined
  failures: number
  reported: boolean
  timer: ReturnType<typeof setTimeout> | undefined
}

/** How long the keeper may have to bring back a peer that was found here, in milliseconds. */
const keeperMs = 1_000

/** Tries addresses of which only the place is known, until there is a peer, and again without it. */
export class Bootstrap {
  readonly #init: BootstrapInit
  readonly #places = new Map<string, Place>()
  readonly #stopping = new AbortController()

  constructor(init: BootstrapInit) {
    this.#init = init
    setMaxListeners(Infinity, this.#stopping.signal)
  }

  add(address: string): void {
    if (this.#places.has(address)) return
    const place = { address, peer: undefined, failures: 0, reported: false, timer: undefined }
    this.#places.set(address, place)
    this.#schedule(place, 0)
  }

  stop(): void {
    this.#stopping.abort()
    for (const { timer } of this.#places.values()) clearTimeout(timer)
  }

  /** A peer's control stream has ended; there may be another one at its place. */
  down(peer: string): void {
    for (const place of this.#places.values()) {
      if (place.peer === peer) this.#schedule(place, keeperMs)
    }
  }

  #schedule(place: Place, waitMs: number): void {
    clearTimeout(place.timer)
    if (this.#stopping.signal.aborted) return
    place.timer = setTimeout(() => void this.#attempt(place), waitMs)
  }

  async #attempt(place: Place): Promise<void> {
    const { timings, isUp } = this.#init
    if (place.peer === undefined || !isUp(place.peer)) {
      if (!(await this.#dial(place))) return
    } else {
      place.failures = 0
    }
    if (place.peer !== undefined && isUp(place.peer)) return
    const { backoffMinMs: minMs, backoffMaxMs: maxMs } = timings
    this.#schedule(place, backoffMs({ minMs, maxMs }, place.failures, Math.random()))
  }

  /** Dials once; whether the address is worth another attempt. */
  async #dial(place: Place): Promise<boolean> {
    const { libp2p, timings, log, onFound } = this.#init
    const limit = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(timings.dialMs)])
    setMaxListeners(Infinity, limit)
    place.failures++
    try {
      const { remotePeer } = await libp2p.dial(multiaddr(place.address), { signal: limit })
      place.peer = remotePeer.toString()
      onFound(place.peer, place.address)
      return true
    } catch (error) {
      if (this.#stopping.signal.aborted) return false
      if (isOurselves(error)) {
        log('bootstrap address %s is our own', place.address)
        this.#places.delete(place.address)
        return false
      }
      this.#report(place, error)
      return true
    }
  }

  #report(place: Place, error: unknown): void {
    const { log, onStranger } = this.#init
    if (isOtherSecret(error)) {
      place.failures = Math.max(place.failures, 10)
      onStranger('secret', place.address)
    }
    if (place.reported) {
      log.trace('bootstrap address %s failed again - %s', place.address, reasonOf(error))
      return
    }
    place.reported = true
    if (isOtherSecret(error)) {
      log.error(
        'the node at %s has another mesh secret, or one of us has none; give both the same',
        place.address,
      )
    } else {
      log('bootstrap address %s fails, trying on - %s', place.address, reasonOf(error))
    }
  }
}
