import type { PeerId } from '../core/ids.ts'
import { type Agenda, type Appointment, Call } from './agenda.ts'
import type { Faults } from './faults.ts'
import { Gossip } from './gossip.ts'
import { Link, type Side } from './link.ts'
import type { Prng } from './prng.ts'

/** One process as the network sees it. What is called here may be queued while it is paused. */
export interface Host {
  readonly peer: PeerId
  /** A guest dials; nobody can dial it. */
  readonly guest: boolean
  /** Whether the process runs, paused or not. */
  readonly running: boolean
  /** Whether it takes nothing in, although its machine does. */
  readonly paused: boolean
  /** Whether the machine under it runs, and refuses connections when the process does not. */
  readonly powered: boolean
  /** Rises with every start of the process. */
  readonly starts: number
  peerUp(peer: PeerId): void
  peerDown(peer: PeerId): void
  unreachable(peer: PeerId, refused: boolean): void
  frame(from: Host, bytes: Uint8Array): void
  hints(from: Host, gossip: Gossip): void
}

/** What the network shares with the simulation. */
export interface NetworkInit {
  readonly agenda: Agenda
  readonly prng: Prng
  readonly now: () => number
  readonly faults: () => Faults
  /** Counts what has happened, by name. */
  readonly count: (name: string) => void
}

/** How long a stream that nothing comes through stays open. */
const silenceMs = [2_000, 20_000] as const
const dialTimeoutMs = [300, 3_000] as const
const redialMsMin = 100
const redialMsMax = 5_000
const hangupMs = 30_000

/** The virtual network: streams per pair that break and are redialled, and lossy gossip. */
export class Network {
  readonly #init: NetworkInit
  readonly #hosts: Host[] = []
  readonly #index = new Map<PeerId, number>()
  /** Links by the lower and the higher index of their hosts. */
  readonly #links: Link[][] = []

  constructor(init: NetworkInit) {
    this.#init = init
  }

  /** Adds a host, known to nobody yet. */
  add(host: Host): void {
    const index = this.#hosts.length
    this.#hosts.push(host)
    this.#index.set(host.peer, index)
    this.#links.push(this.#hosts.slice(0, index).map((_, low) => new Link(low, index)))
  }

  /** Makes one host learn where another is; it dials it from now on. */
  introduce(host: number, to: number): void {
    this.#side(host, to).knows = true
    if (this.#host(host).running) this.dial(host, to)
  }

  /** The index of a peer's host, or −1. */
  indexOf(peer: PeerId): number {
    return this.#index.get(peer) ?? -1
  }

  /** Whether both ends of a pair have been told that their stream is open. */
  isUp(a: number, b: number): boolean {
    const link = this.#link(a, b)
    const { generation, low, high } = link
    return link.up && low.told === generation && high.told === generation
  }

  /** Whether what one host sends now reaches another one, as far as both know. */
  reaches(from: number, to: number): boolean {
    return this.isUp(from, to) && this.#side(to, from).blocked === 0
  }

  /** How long something takes from one host to another, in milliseconds. */
  latencyMs(): number {
    return this.#latency()
  }

  /** Sends a frame, if the sender believes the stream is open. */
  send(from: number, to: number, bytes: Uint8Array): void {
    const link = this.#link(from, to)
    const { prng, count } = this.#init
    const faults = this.#init.faults()
    if (!link.up || this.#side(from, to).told !== link.generation) return count('frame: no stream')
    if (prng.chance(faults.lossP)) return count('frame: lost')
    this.#carry(from, to, link.generation, bytes)
    if (!prng.chance(faults.duplicateP)) return
    count('frame: duplicated')
    // What is decoded shares the frame's memory.
    this.#carry(from, to, link.generation, bytes.slice())
  }

  /** Sends hints to every connected host, with no promise that they arrive. */
  gossip(from: number, bytes: Uint8Array): void {
    const { prng, now } = this.#init
    const { gossipLossP } = this.#init.faults()
    const gossip = new Gossip(bytes)
    for (let to = 0; to < this.#hosts.length; to++) {
      if (to === from || !this.isUp(from, to) || prng.chance(gossipLossP)) continue
      const receiver = this.#side(to, from)
      const hints = new GossipFrame(this.#host(from), this.#host(to), receiver, gossip)
      this.#add(now() + 2 * this.#latency(), hints)
    }
  }

  /** Opens the stream to a host unless it is open or being opened. */
  dial(from: number, to: number): void {
    const link = this.#link(from, to)
    const side = this.#side(from, to)
    const source = this.#host(from)
    const target = this.#host(to)
    const { prng, now } = this.#init
    side.knows = true
    if (target.guest || !source.running || link.up || side.dialing) return
    if (now() < side.hungUntil)
      return this.#after(side.hungUntil - now(), () => this.dial(from, to))
    side.dialing = true
    const { starts } = source
    const end = (open: () => boolean | undefined) => (): void => {
      if (source.starts !== starts || !source.running) return
      side.dialing = false
      const refused = link.up ? undefined : open()
      if (refused === undefined) return
      source.unreachable(target.peer, refused)
      this.#redial(from, to)
    }
    const timeoutMs = prng.between(...dialTimeoutMs)
    if (!target.powered || target.paused || link.isBlocked)
      return this.#after(
        timeoutMs,
        end(() => false),
      )
    const roundTripMs = 2 * this.#latency()
    this.#after(
      roundTripMs,
      end(() => {
        if (!target.running) return true
        if (link.isBlocked || target.paused) return false
        this.#open(link)
        return undefined
      }),
    )
  }

  /** Closes a stream; the host that did it does not redial for a while. */
  hangup(from: number, to: number): void {
    this.#side(from, to).hungUntil = this.#init.now() + hangupMs
    this.breakStream(from, to)
  }

  /** A process has started: it dials whom it knows. */
  started(host: number): void {
    for (let to = 0; to < this.#hosts.length; to++) {
      if (to !== host && this.#side(host, to).knows) this.dial(host, to)
    }
  }

  /** A process has ended. Its peers hear of it at once unless its machine went down with it. */
  stopped(host: number): void {
    const { powered } = this.#host(host)
    for (let to = 0; to < this.#hosts.length; to++) {
      if (to === host) continue
      const link = this.#link(host, to)
      const side = this.#side(host, to)
      const other = this.#side(to, host)
      side.reset()
      if (!link.up) continue
      link.up = false
      const { prng, now } = this.#init
      // Closed by the dead process's kernel: with a reset, or behind all that it had sent.
      const fin = prng.chance(0.5) ? Math.max(0, other.lastArrival - now()) : 0
      this.#down(to, host, powered ? fin + this.#latency() : prng.between(...silenceMs))
    }
  }

  /** A process answers nothing any more. Whoever is connected to it gives that up after a while. */
  stalled(host: number): void {
    const target = this.#host(host)
    const { starts } = target
    const { prng } = this.#init
    for (let to = 0; to < this.#hosts.length; to++) {
      if (to === host) continue
      const { generation } = this.#link(host, to)
      this.#after(prng.between(...silenceMs), () => {
        const isSame = this.#link(host, to).generation === generation && target.starts === starts
        if (isSame && target.paused) this.breakStream(host, to)
      })
    }
  }

  /** Breaks a stream between two live hosts, if it is open. Both redial. */
  breakStream(a: number, b: number): void {
    const link = this.#link(a, b)
    if (!link.up) return
    link.up = false
    this.#down(a, b, this.#latency())
    this.#down(b, a, this.#latency())
  }

  /** Lets nothing through from one host to another, until unblocked as often. */
  block(from: number, to: number): void {
    const link = this.#link(from, to)
    this.#side(to, from).blocked += 1
    if (!link.up) return
    const { generation } = link
    this.#after(this.#init.prng.between(...silenceMs), () => {
      if (link.generation === generation && link.isBlocked) this.breakStream(from, to)
    })
  }

  /** Undoes one `block`; what was held up arrives in its order. */
  unblock(from: number, to: number): void {
    const side = this.#side(to, from)
    side.blocked = Math.max(0, side.blocked - 1)
    if (side.blocked === 0) this.#flush(side)
  }

  /** Takes every block away. */
  unblockAll(): void {
    for (const links of this.#links) {
      for (const { low, high } of links) {
        low.blocked = 0
        high.blocked = 0
        this.#flush(low)
        this.#flush(high)
      }
    }
  }

  #carry(from: number, to: number, generation: number, bytes: Uint8Array): void {
    const { prng, count, now } = this.#init
    const { reorderP, staleP, latencyMs } = this.#init.faults()
    const receiver = this.#side(to, from)
    let arrival = Math.max(now() + this.#latency(), receiver.upAt)
    if (prng.chance(reorderP)) {
      arrival += prng.between(0, 4 * latencyMs[1] + 20)
      count('frame: reordered')
    } else {
      arrival = Math.max(arrival, receiver.lastArrival)
      receiver.lastArrival = arrival
    }
    const hosts = { from: this.#host(from), to: this.#host(to) }
    const survives = prng.chance(staleP)
    this.#add(arrival, new Frame({ ...hosts, receiver, generation, bytes, survives }))
  }

  #open(link: Link): void {
    link.up = true
    link.generation += 1
    for (const [host, to] of link.pairs) {
      const side = this.#side(host, to)
      if (side.told !== 0) this.#tellDown(host, to, side.told)
      side.lastArrival = 0
      side.upAt = this.#init.now() + this.#latency()
      const { generation } = link
      this.#add(
        side.upAt,
        new Call(() => {
          if (!link.up || link.generation !== generation) return
          side.told = generation
          side.knows ||= !this.#host(to).guest
          side.redialMs = redialMsMin
          this.#init.count('stream: up')
          this.#host(host).peerUp(this.#host(to).peer)
        }),
      )
    }
  }

  #down(host: number, to: number, inMs: number): void {
    const { generation } = this.#link(host, to)
    this.#after(inMs, () => this.#tellDown(host, to, generation))
  }

  #tellDown(host: number, to: number, generation: number): void {
    const side = this.#side(host, to)
    if (side.told === generation) {
      side.told = 0
      side.stalled = []
      this.#init.count('stream: down')
      this.#host(host).peerDown(this.#host(to).peer)
    }
    this.#redial(host, to)
  }

  #redial(host: number, to: number): void {
    const side = this.#side(host, to)
    if (!side.knows) return
    const inMs = side.redialMs * this.#init.prng.between(0.5, 1)
    side.redialMs = Math.min(side.redialMs * 2, redialMsMax)
    this.#after(inMs, () => this.dial(host, to))
  }

  #flush(side: Side): void {
    const { stalled } = side
    side.stalled = []
    let arrival = Math.max(side.lastArrival, this.#init.now())
    for (const frame of stalled) {
      arrival += this.#latency()
      this.#add(arrival, frame)
    }
    side.lastArrival = arrival
  }

  #latency(): number {
    const { prng } = this.#init
    const { latencyMs, tailP, tailMs } = this.#init.faults()
    const ms = prng.between(...latencyMs)
    if (!prng.chance(tailP)) return ms
    this.#init.count('frame: delayed')
    return ms + prng.between(0, tailMs)
  }

  #after(ms: number, call: () => void): void {
    this.#add(this.#init.now() + ms, new Call(call))
  }

  #add(at: number, what: Appointment): void {
    this.#init.agenda.add(at, what)
  }

  #host(index: number): Host {
    return this.#hosts[index] as Host
  }

  #link(a: number, b: number): Link {
    return this.#links[Math.max(a, b)]?.[Math.min(a, b)] as Link
  }

  #side(host: number, to: number): Side {
    const link = this.#link(host, to)
    return host < to ? link.low : link.high
  }
}

interface FrameInit {
  readonly from: Host
  readonly to: Host
  readonly receiver: Side
  readonly generation: number
  readonly bytes: Uint8Array
  readonly survives: boolean
}

/** A frame on its way. */
class Frame implements Appointment {
  readonly #from: Host
  readonly #to: Host
  readonly #starts: number
  readonly #survives: boolean
  readonly #receiver: Side
  readonly #generation: number
  readonly #bytes: Uint8Array

  constructor(init: FrameInit) {
    this.#from = init.from
    this.#to = init.to
    this.#starts = init.from.starts + init.to.starts
    this.#receiver = init.receiver
    this.#generation = init.generation
    this.#bytes = init.bytes
    this.#survives = init.survives
  }

  /** Whether it comes through another stream of the same two processes. */
  get #isStale(): boolean {
    return this.#survives && this.#from.starts + this.#to.starts === this.#starts
  }

  fire(): void {
    const { told } = this.#receiver
    if (told !== this.#generation && (told === 0 || !this.#isStale)) return
    if (this.#receiver.blocked > 0) this.#receiver.stalled.push(this)
    else this.#to.frame(this.#from, this.#bytes)
  }
}

/** Hints on their way. */
class GossipFrame implements Appointment {
  readonly #from: Host
  readonly #to: Host
  readonly #receiver: Side
  readonly #gossip: Gossip

  constructor(from: Host, to: Host, receiver: Side, gossip: Gossip) {
    this.#from = from
    this.#to = to
    this.#receiver = receiver
    this.#gossip = gossip
  }

  fire(): void {
    if (this.#receiver.told === 0 || this.#receiver.blocked > 0 || !this.#to.running) return
    this.#to.hints(this.#from, this.#gossip)
  }
}
