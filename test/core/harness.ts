import type { Effect, Report, Run } from '../../src/core/effects.ts'
import type { Entry } from '../../src/core/entries.ts'
import type { LedgerId, PeerId } from '../../src/core/ids.ts'
import type { Finished, HandOver, Input } from '../../src/core/inputs.ts'
import {
  createMachine,
  type MachineInit,
  type Machine,
  replay,
  start,
  step,
  wakeAt,
} from '../../src/core/machine.ts'
import type { Hint, Message } from '../../src/core/messages.ts'
import { countOf, type Ranges } from '../../src/core/ranges.ts'
import { noTiming } from '../../src/core/timing.ts'
import { bytes, leaseMs, plainSpec } from './fixtures.ts'
import { effectText, entryText, messageText, type Names } from './format.ts'

/** Time that every message takes, in milliseconds. */
const latencyMs = 1

/** How long a redial of a machine that runs but has no such process takes to be refused. */
const refusedMs = 500

/** Steps of one call of `run` at the most: a cluster that feeds itself is a bug. */
const maxSteps = 200_000

/** Messages that only find peers and hints; they are delivered, but not written down. */
const hushed: ReadonlySet<Message['type']> = new Set([
  'hello',
  'sync',
  'backlogs',
  'compare',
  'watch',
])

interface Flight {
  readonly at: number
  readonly from: PeerId
  readonly to: PeerId
  /** Process starts at both ends: a stream does not outlive either. */
  readonly ends: string
  readonly input: Input
  readonly text: string
}

interface TestNode {
  readonly peer: PeerId
  readonly concurrency: number
  readonly entries: Entry[]
  /** What it has told its application, and all nodes: nobody here listens to gossip. */
  readonly reports: Report['event'][]
  readonly hints: Hint[]
  machine: Machine
  starts: number
  /** How often its disk has been emptied. */
  wipes: number
  up: boolean
  runs: Run[]
}

/** Who a node is and what it serves. */
export interface NodePlan {
  readonly peer: PeerId
  readonly concurrency: number
}

/**
 * Some machines on a FIFO network with a virtual clock: every message takes one millisecond,
 * every write is durable at once, nothing is random. What happens is written down line by line.
 */
export class Harness {
  now = 1_000
  readonly lines: string[] = []
  readonly #nodes = new Map<PeerId, TestNode>()
  readonly #names: Names = new Map()
  #flights: Flight[] = []
  #writing = false
  #startedAt = 0

  readonly #orphans: MachineInit['orphans']

  constructor(plans: readonly NodePlan[], orphans?: MachineInit['orphans']) {
    this.#orphans = orphans
    for (const { peer, concurrency } of plans) {
      const machine = this.#create({ peer, starts: 1, wipes: 0, concurrency })
      const told = { entries: [], reports: [], hints: [] }
      const node = { peer, concurrency, ...told, machine, starts: 1, wipes: 0, up: true, runs: [] }
      this.#nodes.set(peer, node)
      this.#perform(node, start(machine, 0, this.now))
      this.#input(node, { type: 'listening', addresses: [`/memory/${peer}`] })
    }
    for (const node of this.#nodes.values()) this.#connect(node)
  }

  /** Writes down what happens from here on. */
  write(): void {
    this.#writing = true
    this.#names.clear()
    this.#startedAt = this.now
  }

  note(text: string): void {
    if (this.lines.length > 0) this.lines.push('')
    this.lines.push(`— ${text}`)
  }

  /** Lets time pass until something holds; fails if it does not within so many milliseconds. */
  until(holds: () => boolean, withinMs: number): void {
    const end = this.now + withinMs
    for (let steps = 0; steps < maxSteps && !holds(); steps++) {
      if (!this.#next(end)) throw new Error(`nothing came of it in ${withinMs} ms`)
    }
  }

  run(ms: number): void {
    const end = this.now + ms
    for (let steps = 0; steps < maxSteps && this.#next(end); steps++) continue
    this.now = end
  }

  publish(peer: PeerId, payloads: readonly string[], copies = 0): void {
    const parts = payloads.map(bytes)
    const lengths = Uint32Array.from(parts, part => part.length)
    const columns = { lengths, payload: bytes(payloads.join('')) }
    this.#log(`${peer}      publishes ${payloads.length} of ${plainSpec.queue}`)
    const publish = {
      type: 'publish',
      request: 1,
      spec: plainSpec,
      timing: noTiming,
      ...columns,
      copies,
    } as const
    this.#input(this.node(peer), publish)
  }

  /** The runs of a node that have not ended. */
  runsOf(peer: PeerId): readonly Run[] {
    return this.node(peer).runs
  }

  /** A handler returns the same for all tasks of a run. */
  finish(peer: PeerId, run: Run, body: string, kind: Finished['kind'] = 'done'): void {
    const node = this.node(peer)
    node.runs = node.runs.filter(other => other !== run)
    const { ledger, token, seqs } = run
    const count = countOf(seqs)
    const lengths = new Uint32Array(count).fill(body.length)
    this.#log(`${peer}      finishes ${count}: ${kind} ${JSON.stringify(body)}`)
    const columns = { lengths, body: bytes(body.repeat(count)) }
    this.#input(node, { type: 'finished', ledger, token, seqs, kind, ...columns })
  }

  /** Takes a node out of its mesh in good order. */
  take(peer: PeerId, type: 'drain' | 'hand-over' | 'leave'): void {
    this.#input(this.node(peer), { type })
  }

  /** The same, where others have the blobs that are named in ledgers. */
  handOver(peer: PeerId, blobsAt: HandOver['blobsAt']): void {
    this.#input(this.node(peer), { type: 'hand-over', blobsAt })
  }

  cancel(peer: PeerId, ledger: LedgerId, seqs: Ranges): void {
    this.#log(`${peer}      cancels`)
    this.#input(this.node(peer), { type: 'cancel', request: 2, ledger, seqs, reason: bytes('no') })
  }

  /** Kills a process; its machine refuses connections from then on. */
  kill(peer: PeerId): void {
    const node = this.node(peer)
    node.up = false
    node.runs = []
    this.#log(`${peer}      is killed`)
    for (const other of this.#live()) this.#later(other, { type: 'peer-down', peer }, latencyMs)
  }

  /** Starts a killed process again on its journal. */
  restart(peer: PeerId): void {
    const node = this.node(peer)
    node.starts += 1
    node.machine = this.#create(node)
    node.up = true
    this.#log(`${peer}      starts again`)
    for (const entry of node.entries) replay(node.machine, entry, this.now)
    this.#perform(node, start(node.machine, node.entries.length, this.now))
    this.#input(node, { type: 'listening', addresses: [`/memory/${peer}`] })
    this.#connect(node)
  }

  /** A node's wall clock moves against its monotonic one. */
  setWall(peer: PeerId, wallOffsetMs: number): void {
    this.#input(this.node(peer), { type: 'clock-jumped', wallOffsetMs })
  }

  /** Empties the disk of a killed process: it comes back as another voter. */
  wipe(peer: PeerId): void {
    const node = this.node(peer)
    node.entries.length = 0
    node.wipes += 1
  }

  /** Lets a node look at what there is to do. */
  wake(peer: PeerId): void {
    this.#input(this.node(peer), { type: 'tick' })
  }

  node(peer: PeerId): TestNode {
    const node = this.#nodes.get(peer)
    if (node === undefined) throw new Error(`no node ${peer}`)
    return node
  }

  get text(): string {
    return `${this.lines.join('\n')}\n`
  }

  #create({
    peer,
    starts,
    wipes,
    concurrency,
  }: Pick<TestNode, 'peer' | 'starts' | 'wipes' | 'concurrency'>): Machine {
    return createMachine({
      peer,
      incarnation: `${starts}`,
      storageId: `s-${peer}${wipes === 0 ? '' : wipes}`,
      seed: [peer.charCodeAt(0), starts, 3, 4],
      guest: false,
      voters: 3,
      leaseMs,
      maxDeliveries: 5,
      queues: concurrency === 0 ? [] : [{ queue: plainSpec.queue, concurrency }],
      concurrency,
      labels: [],
      maxBytes: 1_000_000,
      wallOffsetMs: 1_000_000,
      intact: true,
      pageTasks: 64,
      orphans: this.#orphans,
    })
  }

  #live(): TestNode[] {
    return [...this.#nodes.values()].filter(({ up }) => up)
  }

  #connect(node: TestNode): void {
    for (const other of this.#live()) {
      if (other === node || other.machine.members.peers.get(node.peer)?.up === true) continue
      this.#input(other, { type: 'peer-up', peer: node.peer })
      this.#input(node, { type: 'peer-up', peer: other.peer })
    }
  }

  /** Does the next thing that is due by `end`. */
  #next(end: number): boolean {
    const flight = this.#flights[0]
    let at = flight?.at ?? Infinity
    let waking: TestNode | undefined
    for (const node of this.#live()) {
      const due = Math.max(this.now, Math.ceil(wakeAt(node.machine)))
      if (due < at) [at, waking] = [due, node]
    }
    if (at > end) return false
    this.now = at
    if (waking !== undefined) this.#input(waking, { type: 'tick' })
    else if (flight !== undefined) {
      this.#flights.shift()
      const { to, text, ends, from } = flight
      const node = this.node(to)
      if (!node.up || ends !== this.#ends(from, to)) return true
      if (text !== '') this.#log(text)
      this.#input(node, flight.input)
    }
    return true
  }

  #ends(from: PeerId, to: PeerId): string {
    return `${this.node(from).starts} ${this.node(to).starts}`
  }

  #later(node: TestNode, input: Input, ms: number): void {
    const { peer } = node
    this.#fly({
      at: this.now + ms,
      from: peer,
      to: peer,
      input,
      text: '',
      ends: this.#ends(peer, peer),
    })
  }

  #fly(flight: Flight): void {
    let at = this.#flights.length
    while (at > 0 && (this.#flights[at - 1]?.at ?? 0) > flight.at) at -= 1
    this.#flights.splice(at, 0, flight)
  }

  #input(node: TestNode, input: Input): void {
    this.#perform(node, step(node.machine, input, this.now))
    const { outbox } = node.machine
    // The journal is durable as soon as it is written; what waited for that goes on at once.
    for (let i = 0; i < 64 && outbox.durable < outbox.lsn; i++) {
      this.#perform(node, step(node.machine, { type: 'durable', lsn: outbox.lsn }, this.now))
    }
  }

  #perform(node: TestNode, effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type === 'persist') {
        node.entries.push(effect.entry)
        this.#log(`${node.peer}        writes ${entryText(this.#names, effect.entry)}`)
      }
    }
    for (const effect of effects) this.#performOne(node, effect)
  }

  #performOne(node: TestNode, effect: Effect): void {
    const text = effectText(this.#names, effect)
    if (text !== '') this.#log(`${node.peer}      ${text}`)
    switch (effect.type) {
      case 'send':
        return this.#send(node, effect.to, effect.message)
      case 'run':
        node.runs.push(effect)
        return
      case 'report':
        node.reports.push(effect.event)
        return
      case 'gossip':
        node.hints.push(...effect.hints)
        return
      case 'abort':
        node.runs = node.runs.filter(({ token }) => token !== effect.token)
        return
      case 'dial': {
        const other = this.#nodes.get(effect.peer)
        const gone = { type: 'peer-unreachable', peer: effect.peer, refused: true } as const
        if (other !== undefined && !other.up) this.#later(node, gone, refusedMs)
        return
      }
      default:
    }
  }

  #send({ peer, machine }: TestNode, to: PeerId, message: Message): void {
    const text = hushed.has(message.type)
      ? ''
      : `${peer} → ${to}  ${messageText(this.#names, message)}`
    const input: Input = { type: 'received', from: peer, lsn: machine.outbox.lsn, message }
    this.#fly({ at: this.now + latencyMs, from: peer, to, input, text, ends: this.#ends(peer, to) })
  }

  #log(text: string): void {
    if (!this.#writing) return
    this.lines.push(`${String(this.now - this.#startedAt).padStart(6)}  ${text}`)
  }
}
