import { setTimeout as pause } from 'node:timers/promises'
import type { Connection, Libp2p, Logger, PeerId } from '@libp2p/interface'
import { setMaxListeners } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { addressesMax, cleanAddresses, reachable } from './addresses.ts'
import { backoffMs } from './backoff.ts'
import type { Timings } from './config.ts'
import type { Control } from './control.ts'
import { isOtherMesh, isOtherSecret, isRefused, reasonOf } from './failures.ts'
import type { PeerBook } from './peer-book.ts'
import type { Difference } from './strangers.ts'

export interface KeeperInit {
  readonly libp2p: Libp2p
  readonly control: Pick<Control, 'isUp' | 'opens' | 'ensure' | 'close'>
  readonly book: PeerBook
  readonly timings: Timings
  readonly log: Logger
  readonly isAllowed: (peer: string) => boolean
  /** A dial failed; refused: nobody listens at any of the peer's addresses. */
  readonly onUnreachable: (peer: string, refused: boolean) => void
  /** Somebody has another secret, or is of another mesh. */
  readonly onStranger: (difference: Difference, address: string) => void
}

/** A peer that is to be connected. */
interface Target {
  readonly peer: string
  readonly id: PeerId
  /** Without the peer's id; those most likely to work first. */
  addresses: string[]
  /** Given by the user; with one, the peer is never forgotten. */
  readonly given: Set<string>
  /** Attempts that failed since it was last connected for a while. */
  failures: number
  /** When it was last connected or heard of. */
  seenAt: number
  upAt: number | undefined
  bannedUntil: number
  busy: boolean
  dialling: AbortController | undefined
  dueAt: number
  timer: ReturnType<typeof setTimeout> | undefined
  /** Whether its other secret or mesh has been logged. */
  reported: boolean
}

/** Most peers that are kept in mind; those seen longest ago are forgotten first. */
const targetsMax = 1_000
/** Sightings further apart than this shorten the wait for the next dial, in milliseconds. */
const freshMs = 4_000
/** Attempts on one connection that bring no control stream before it is closed. */
const attemptsMax = 3

/**
 * Keeps every known peer of the mesh connected: dials, sees to the control stream, and begins
 * again for ever, with growing waits, when either fails or ends. libp2p itself connects to nobody.
 *
 * Of two peers that know each other the one with the lower id dials first, so that there is one
 * connection. The other one follows a little later, in case only it can.
 */
export class Keeper {
  readonly #init: KeeperInit
  readonly #targets = new Map<string, Target>()
  readonly #stopping = new AbortController()
  readonly #self: string

  constructor(init: KeeperInit) {
    this.#init = init
    this.#self = init.libp2p.peerId.toString()
    setMaxListeners(Infinity, this.#stopping.signal)
  }

  start(): void {
    const { libp2p } = this.#init
    libp2p.addEventListener('connection:open', this.#onConnection)
    for (const connection of libp2p.getConnections()) this.#connected(connection)
  }

  stop(): void {
    this.#stopping.abort()
    this.#init.libp2p.removeEventListener('connection:open', this.#onConnection)
    for (const { timer } of this.#targets.values()) clearTimeout(timer)
  }

  /** Peers that are kept in mind, connected or not. */
  get size(): number {
    return this.#targets.size
  }

  /** Takes a place of a peer from the user. */
  give(peer: string, address: string): void {
    const target = this.#target(peer)
    if (target === undefined) return
    target.given.add(address)
    this.#hasten(target, 0)
  }

  /** Learns where a peer is from somebody else: what was known stays. */
  learn(peer: string, addresses: readonly string[]): void {
    const target = this.#target(peer)
    if (target === undefined) return
    const fresh = cleanAddresses(addresses, peer)
    target.addresses = [...new Set([...target.addresses, ...fresh])].slice(-addressesMax)
    if (this.#init.control.isUp(peer)) {
      this.#init.book.put(peer, placesOf(target))
      return
    }
    // Without addresses somebody wants to know now; with them both sides may be about to dial.
    this.#hasten(target, addresses.length === 0 ? 0 : this.#yieldMs(target))
  }

  /** Learns from the peer itself where it is: what was known before is out of date. */
  sighted(peer: string, addresses: readonly string[]): void {
    const fresh = cleanAddresses(addresses, peer)
    const target = this.#target(peer)
    if (target === undefined || fresh.length === 0) return
    const now = performance.now()
    const moved = fresh.some(address => !target.addresses.includes(address))
    const returned = now - target.seenAt > freshMs
    target.addresses = fresh
    target.seenAt = now
    if (this.#init.control.isUp(peer)) this.#init.book.put(peer, fresh)
    else if (moved || returned) this.#hasten(target, this.#yieldMs(target))
  }

  /** A peer's control stream is open. */
  up(peer: string): void {
    const target = this.#target(peer)
    if (target === undefined) return
    target.upAt = performance.now()
    target.seenAt = target.upAt
    target.reported = false
    target.dueAt = Infinity
    clearTimeout(target.timer)
    this.#init.book.put(peer, placesOf(target))
  }

  /** A peer's control stream has ended. */
  down(peer: string): void {
    const target = this.#targets.get(peer)
    if (target?.upAt === undefined) return
    const now = performance.now()
    const stable = now - target.upAt >= this.#init.timings.stableMs
    target.upAt = undefined
    target.seenAt = now
    target.failures = stable ? 0 : target.failures + 1
    this.#schedule(target, stable ? this.#yieldMs(target) : this.#backoffMs(target))
  }

  /** Disconnects a peer and has nothing to do with it for a while. */
  hangup(peer: string): void {
    const { control, libp2p, log, timings } = this.#init
    const target = this.#target(peer)
    if (target === undefined) return
    target.bannedUntil = performance.now() + timings.banMs
    void control
      .close(peer)
      .then(() => libp2p.hangUp(target.id, { signal: AbortSignal.timeout(1_000) }))
      .catch((error: unknown) => log('hanging up on %s failed - %s', peer, reasonOf(error)))
    this.#schedule(target, timings.banMs)
  }

  /** Whether a peer may be connected to at this time. */
  isWelcome(peer: string): boolean {
    const target = this.#targets.get(peer)
    const banned = target !== undefined && target.bannedUntil > performance.now()
    return !banned && this.#init.isAllowed(peer)
  }

  readonly #onConnection = ({ detail }: CustomEvent<Connection>): void => this.#connected(detail)

  #connected(connection: Connection): void {
    const target = this.#target(connection.remotePeer.toString())
    if (target === undefined || this.#init.control.isUp(target.peer)) return
    // The peer was faster: one connection is enough.
    if (connection.direction === 'inbound') target.dialling?.abort()
    this.#hasten(target, 0)
  }

  #target(peer: string): Target | undefined {
    const known = this.#targets.get(peer)
    if (known !== undefined || peer === this.#self || !this.#init.isAllowed(peer)) return known
    let id: PeerId
    try {
      id = peerIdFromString(peer)
    } catch {
      return undefined
    }
    this.#makeRoom()
    const target: Target = {
      peer,
      id,
      addresses: [],
      given: new Set(),
      failures: 0,
      seenAt: performance.now(),
      upAt: undefined,
      bannedUntil: 0,
      busy: false,
      dialling: undefined,
      dueAt: Infinity,
      timer: undefined,
      reported: false,
    }
    this.#targets.set(peer, target)
    return target
  }

  #makeRoom(): void {
    if (this.#targets.size < targetsMax) return
    let oldest: Target | undefined
    for (const target of this.#targets.values()) {
      if (target.given.size > 0 || target.upAt !== undefined || target.busy) continue
      if (oldest === undefined || target.seenAt < oldest.seenAt) oldest = target
    }
    if (oldest !== undefined) this.#forget(oldest)
  }

  #forget(target: Target): void {
    clearTimeout(target.timer)
    this.#targets.delete(target.peer)
  }

  #yieldMs(target: Target): number {
    if (this.#init.control.opens(target.peer)) return 0
    return this.#init.timings.yieldMs * (0.75 + Math.random() / 2)
  }

  #backoffMs(target: Target): number {
    const { backoffMinMs: minMs, backoffMaxMs: maxMs } = this.#init.timings
    return backoffMs({ minMs, maxMs }, target.failures, Math.random())
  }

  /** Makes an attempt due no later than in so many milliseconds. */
  #hasten(target: Target, waitMs: number): void {
    if (performance.now() + waitMs < target.dueAt) this.#schedule(target, waitMs)
  }

  #schedule(target: Target, waitMs: number): void {
    clearTimeout(target.timer)
    if (this.#stopping.signal.aborted) return
    const now = performance.now()
    target.dueAt = Math.max(now + waitMs, target.bannedUntil)
    target.timer = setTimeout(() => void this.#attempt(target), target.dueAt - now)
  }

  async #attempt(target: Target): Promise<void> {
    const { control, timings } = this.#init
    target.dueAt = Infinity
    if (target.busy || control.isUp(target.peer)) return
    if (this.#isForgotten(target)) {
      this.#forget(target)
      return
    }
    target.busy = true
    const { failures } = target
    try {
      const present = this.#openConnection(target)
      if (present === undefined) await this.#dial(target)
      const connection = present ?? this.#openConnection(target)
      if (connection !== undefined) await this.#control(target, connection)
    } finally {
      target.busy = false
    }
    if (control.isUp(target.peer)) return
    // A stream that came and went at once has been counted.
    if (target.failures === failures) target.failures++
    const isDialable = target.addresses.length + target.given.size > 0
    // A peer without addresses can only come to us.
    const again = isDialable || this.#openConnection(target) !== undefined
    this.#hasten(target, again ? this.#backoffMs(target) : timings.forgetMs)
  }

  #isForgotten(target: Target): boolean {
    if (target.given.size > 0 || this.#openConnection(target) !== undefined) return false
    const { forgetMs, forgetDialableMs } = this.#init.timings
    const keepMs = target.addresses.length === 0 ? forgetMs : forgetDialableMs
    return performance.now() - target.seenAt >= keepMs
  }

  #openConnection(target: Target): Connection | undefined {
    return this.#init.libp2p.getConnections(target.id).find(({ status }) => status === 'open')
  }

  /** Dials all addresses of a peer, if it has any. */
  async #dial(target: Target): Promise<void> {
    const { libp2p, timings } = this.#init
    const addresses = reachable(placesOf(target))
    if (addresses.length === 0) return
    target.dialling = new AbortController()
    const limit = AbortSignal.any([
      this.#stopping.signal,
      target.dialling.signal,
      AbortSignal.timeout(timings.dialMs),
    ])
    setMaxListeners(Infinity, limit)
    try {
      const all = addresses.map(address => multiaddr(`${address}/p2p/${target.peer}`))
      await libp2p.dial(all, { signal: limit })
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#undialled(target, error)
    } finally {
      target.dialling = undefined
    }
  }

  #undialled(target: Target, error: unknown): void {
    const { log, onUnreachable } = this.#init
    if (this.#openConnection(target) !== undefined) return
    log('dialling %s failed - %s', target.peer, reasonOf(error))
    if (isOtherSecret(error)) this.#reportSecret(target)
    onUnreachable(target.peer, isRefused(error))
  }

  /** Sees to the control stream on a connection. */
  async #control(target: Target, connection: Connection): Promise<void> {
    const { control, log } = this.#init
    try {
      await control.ensure(connection, this.#stopping.signal)
    } catch (error) {
      if (this.#stopping.signal.aborted || control.isUp(target.peer)) return
      log('no control stream to %s - %s', target.peer, reasonOf(error))
      if (isOtherMesh(error)) {
        this.#reportMesh(target, connection)
        await this.#letFindOut()
      } else if (target.failures < attemptsMax) return
      await connection.close({ signal: AbortSignal.timeout(1_000) }).catch(() => {})
    }
  }

  /** The other side may be waiting for us to open the stream; it is to learn why we do not. */
  async #letFindOut(): Promise<void> {
    const { signal } = this.#stopping
    const waitMs = 2 * this.#init.timings.controlWaitMs
    await pause(waitMs, undefined, { signal, ref: false }).catch(() => {})
  }

  #reportSecret(target: Target): void {
    // It can only be cured by a person, so there is no haste to try again.
    target.failures = Math.max(target.failures, 10)
    this.#init.onStranger('secret', placesOf(target).join(', '))
    if (target.reported) return
    target.reported = true
    this.#init.log.error(
      'peer %s at %s has another mesh secret, or one of us has none; give both nodes the same',
      target.peer,
      placesOf(target).join(', '),
    )
  }

  #reportMesh(target: Target, connection: Connection): void {
    target.failures = Math.max(target.failures, 10)
    this.#init.onStranger('mesh', connection.remoteAddr.toString())
    if (target.reported) return
    target.reported = true
    this.#init.log.error(
      'peer %s at %s is of another mesh; give both nodes the same mesh name',
      target.peer,
      connection.remoteAddr.toString(),
    )
  }
}

/** Where a peer may be, as told by itself, by others and by the user. */
function placesOf({ addresses, given }: Target): string[] {
  return [...new Set([...addresses, ...given])]
}
